import { textOf, type Message, type ModelRequest, type Part, type ToolDefinition } from '../../src/index.ts';
import { calculation, type Calculation } from './arithmetic.ts';
import { explanation } from './explanation.ts';
import { haiku } from './haiku.ts';
import { recall } from './memory.ts';
import { calculatorArguments, sample } from './schema-sample.ts';
import { story } from './story.ts';
import { wordProblem } from './word-problem.ts';

/** A tool call that the model is going to make. */
export interface PlannedCall {
  id: string;
  name: string;
  arguments: unknown;
}

/** What the demo model is going to say. */
export interface Plan {
  thinking?: string;
  text: string;
  call?: PlannedCall;
}

/** Said in every reply that people read. */
const HONESTY = '(I am only the demo model: set OPENAI_API_KEY or ANTHROPIC_API_KEY for a real one.)';

const REASONING =
  /\b(?:step by step|think (?:aloud|hard|carefully|about it|first|it through)|reason(?:ing)?)\b/i;
const CALCULATOR = /calc|arith|math|comput|evaluat|\badd|\bsum|multipl|divid|subtract/i;

const ASKS_TIME = /\b(?:what time|the time|what(?:'s|’s| is) the (?:date|day)|what day)\b/i;
const CLOCK = /(?:^|_)(?:time|clock|date)(?:$|_)/i;

/** Decides on a reply from the conversation alone. */
export function plan(request: ModelRequest): Plan {
  const prompt = lastUserText(request.messages);
  // The numbers of a word problem are no expression.
  const asked = wordProblem(prompt) === undefined ? calculation(prompt) : undefined;
  const answer = answerOf(request, prompt, asked);
  const { reasoning } = request.parameters;
  const reasons = (reasoning !== undefined && reasoning.effort !== 'none') || REASONING.test(prompt);
  return reasons ? { thinking: thoughts(prompt, asked, answer), ...answer } : answer;
}

function answerOf(request: ModelRequest, prompt: string, asked: Calculation | undefined): Plan {
  const results = toolResults(request.messages);
  const { responseFormat } = request;
  const call = results.length > 0 ? undefined : callFor(request, prompt, asked);
  if (call !== undefined) return { text: '', call };
  if (responseFormat?.type === 'json_schema') {
    return { text: JSON.stringify(sample(responseFormat.schema, prompt)) };
  }
  if (results.length > 0) return { text: spoken(reportOf(results)) };
  const said = replyTo(request.messages, prompt, asked);
  if (responseFormat?.type === 'json') return { text: JSON.stringify({ answer: said, model: 'demo' }) };
  return { text: spoken(said) };
}

function spoken(text: string): string {
  return `${text}\n\n${HONESTY}`;
}

/** The results of tools after the model's last message. */
function toolResults(messages: readonly Message[]): { name: string; text: string; isError: boolean }[] {
  const from = messages.findLastIndex(({ role }) => role === 'assistant') + 1;
  const parts = messages
    .slice(from)
    .flatMap((message): readonly Part[] => (typeof message.content === 'string' ? [] : message.content));
  return parts
    .filter((part) => part.type === 'tool_result')
    .map(({ name, content, isError }) => ({
      name,
      text: typeof content === 'string' ? content : textOf({ role: 'tool', content }),
      isError: isError === true,
    }));
}

function reportOf(results: readonly { name: string; text: string; isError: boolean }[]): string {
  return results
    .map(({ name, text, isError }) =>
      isError ? `The tool ${name} failed: ${text}` : `The tool ${name} says: ${text}`,
    )
    .join('\n');
}

function callFor(
  request: ModelRequest,
  prompt: string,
  asked: Calculation | undefined,
): PlannedCall | undefined {
  const { toolChoice } = request.parameters;
  const tools = request.tools ?? [];
  if (tools.length === 0 || toolChoice === 'none') return undefined;
  const tool = toolFor(tools, toolChoice, prompt, asked);
  if (tool === undefined) return undefined;
  const args =
    asked !== undefined && isCalculator(tool)
      ? calculatorArguments(tool.parameters, asked, prompt)
      : sample(tool.parameters, prompt);
  return { id: `demo_call_${callsSoFar(request.messages) + 1}`, name: tool.name, arguments: args };
}

function toolFor(
  tools: readonly ToolDefinition[],
  choice: ModelRequest['parameters']['toolChoice'],
  prompt: string,
  asked: Calculation | undefined,
): ToolDefinition | undefined {
  if (typeof choice === 'object') return tools.find(({ name }) => name === choice.name);
  const calculates = asked !== undefined || /\b(?:calculat|comput)/i.test(prompt);
  const calculator = calculates ? tools.find(isCalculator) : undefined;
  const clock = ASKS_TIME.test(prompt) ? tools.find(({ name }) => CLOCK.test(name)) : undefined;
  const named = calculator ?? clock ?? tools.find((tool) => isNamed(tool, prompt));
  return choice === 'required' ? (named ?? tools[0]) : named;
}

function isCalculator({ name, description = '' }: ToolDefinition): boolean {
  return CALCULATOR.test(name) || CALCULATOR.test(description);
}

/** Whether the prompt holds a word of the tool's name, such as "weather" for `get_weather`. */
function isNamed({ name }: ToolDefinition, prompt: string): boolean {
  const words = new Set(prompt.toLowerCase().split(/[^\p{L}\d]+/u));
  return name
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .some((word) => word.length >= 5 && words.has(word));
}

function callsSoFar(messages: readonly Message[]): number {
  return messages.reduce(
    (sum, { content }) =>
      sum + (typeof content === 'string' ? 0 : content.filter(({ type }) => type === 'tool_call').length),
    0,
  );
}

function lastUserText(messages: readonly Message[]): string {
  const message = messages.findLast(({ role }) => role === 'user');
  return message === undefined ? '' : textOf(message).trim();
}

function replyTo(messages: readonly Message[], prompt: string, asked: Calculation | undefined): string {
  const subject = /\bhaiku\b(?:.*?\b(?:about|on|of|for)\s+(?:the |an? )?([^.!?\n]+))?/i.exec(prompt);
  if (subject !== null) return haiku((subject[1] ?? 'water').trim());
  const tale = /\b(?:story|tale|fairy tale)\b(?:.*?\b(?:about|of) ([^.!?\n]+))?/i.exec(prompt);
  if (tale !== null) return story((tale[1] ?? 'a river').trim());
  const remembered = recall(messages, prompt);
  if (remembered !== undefined) return remembered;
  const solved = wordProblem(prompt);
  if (solved !== undefined) return solved.answer;
  const explained = explanation(prompt);
  if (explained !== undefined) return explained;
  if (asked !== undefined) return `${asked.expression} is ${asked.value}.`;
  const echoed = /^(?:please\s+)?(?:repeat(?: after me)?|echo|say)\b[\s:,]*([^]+)$/i.exec(prompt)?.[1];
  if (echoed !== undefined) return unquoted(echoed);
  if (/^(?:please\s+)?summari[sz]e\b/i.test(prompt)) return summary(prompt);
  if (/\b(?:who|what) are you\b/i.test(prompt)) {
    return 'I am a small program that answers in the place of a model, so that everything around it can be tried.';
  }
  if (/^(?:hi|hello|hey|good (?:morning|day|evening)|greetings)\b/i.test(prompt)) {
    return 'Hello! Nice to meet you. Ask me for a haiku or for a sum, or tell me your name and see if I remember it.';
  }
  if (/\bthank/i.test(prompt)) return 'You are welcome.';
  if (prompt === '') return 'You have not said anything yet.';
  return `You said: “${shortened(prompt)}” I can greet, calculate, write a haiku, repeat, summarize and remember what you told me.`;
}

function unquoted(text: string): string {
  return text.trim().replaceAll(/^["“'](.*)["”']$/gs, '$1');
}

function summary(prompt: string): string {
  const body = prompt.slice(prompt.search(/[\s:]/) + 1).trim();
  const [first = body] = body.split(/(?<=[.!?])\s/);
  const words = body.split(/\s+/).filter((word) => word !== '').length;
  return `In short (${words} words): ${shortened(first)}`;
}

function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 199).toWellFormed()}…`;
}

function thoughts(prompt: string, asked: Calculation | undefined, answer: Plan): string {
  const solved = wordProblem(prompt);
  if (solved !== undefined) return solved.steps.join(' ');
  const steps = [`The question is: “${shortened(prompt)}”`];
  if (asked !== undefined) steps.push(`It asks for ${asked.expression}.`);
  if (answer.call !== undefined) steps.push(`The tool ${answer.call.name} can do this, so I call it.`);
  else if (asked !== undefined) steps.push(`Done step by step, that makes ${asked.value}.`);
  else steps.push('I go through what I know, which is only this conversation, and answer in a few words.');
  return steps.join(' ');
}
