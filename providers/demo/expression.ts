/** Longer expressions are refused. */
const MAX_LENGTH = 2_000;

/** How strongly each operator binds. `^` binds its right side first. */
const STRENGTH: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 4 };

/** How strongly a sign in front of a number binds. */
const SIGN = 3;

/**
 * Calculates an arithmetic expression of numbers, `+ - * / % ^` and parentheses, as the demo model does. Nothing is evaluated as code, so that a calculator
 * tool can run what a model wrote. The result has at most 12 digits, so without the rounding errors of binary fractions.
 *
 * Throws an `Error` that says what is wrong.
 *
 * @example
 * calculate('0.1 + 2 * 0.1'); // 0.3
 */
export function calculate(expression: string): number {
  if (expression.length > MAX_LENGTH) throw new Error(`an expression has at most ${MAX_LENGTH} characters`);
  const tokens = expression.match(/\d+(?:\.\d+)?|\.\d+|\S/g) ?? [];
  const parser = new Parser(tokens);
  const value = parser.value(1);
  const rest = parser.rest[0];
  if (rest !== undefined) throw new Error(`there is something after the expression: ${rest}`);
  if (!Number.isFinite(value)) throw new Error('the result is not a finite number');
  return Number(value.toPrecision(12));
}

/** Precedence climbing. */
class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get rest(): readonly string[] {
    return this.#tokens.slice(this.#at);
  }

  value(strength: number): number {
    let left = this.#operand();
    for (;;) {
      const operator = this.#tokens[this.#at] ?? '';
      const own = Object.hasOwn(STRENGTH, operator) ? (STRENGTH[operator] ?? 0) : 0;
      if (own < strength) return left;
      this.#at++;
      left = applied(operator, left, this.value(operator === '^' ? own : own + 1));
    }
  }

  #operand(): number {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error('the expression ends too early');
    if (token === '-') return -this.value(SIGN);
    if (token === '+') return this.value(SIGN);
    if (/\d/.test(token)) return Number(token);
    if (token !== '(') throw new Error(`${JSON.stringify(token)} is not a number`);
    const inner = this.value(1);
    if (this.#tokens[this.#at++] !== ')') throw new Error('a parenthesis is not closed');
    return inner;
  }
}

function applied(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    default:
      return left ** right;
  }
}
