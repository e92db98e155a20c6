import { icon } from './icons.ts';

const KEY = 'sluice.theme';
const THEMES = ['system', 'light', 'dark'] as const;

/** Lets a button change between the theme of the system, light and dark. */
export function themeButton(button: HTMLButtonElement): void {
  let at = THEMES.findIndex((theme) => theme === localStorage.getItem(KEY));
  const show = (): void => {
    const theme = THEMES[at] ?? 'system';
    document.documentElement.dataset['theme'] = theme;
    button.replaceChildren(icon(theme));
    button.setAttribute('aria-label', `Theme: ${theme === 'system' ? 'as the system' : theme}`);
    button.title = button.getAttribute('aria-label') ?? '';
  };
  at = Math.max(0, at);
  show();
  button.addEventListener('click', () => {
    at = (at + 1) % THEMES.length;
    localStorage.setItem(KEY, THEMES[at] ?? 'system');
    show();
  });
}
