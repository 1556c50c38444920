import type { ITheme } from '@xterm/xterm'

const ANSI: Record<'light' | 'dark', ITheme> = {
  light: {
    ...{ black: '#1d1e20', red: '#a8281e', green: '#1c6b3c', yellow: '#8a5a00' },
    ...{ blue: '#2456a6', magenta: '#86338c', cyan: '#1b6670', white: '#5d6065' },
    ...{ brightBlack: '#6d7075', brightRed: '#c23a2e', brightGreen: '#27804b', brightYellow: '#986500' },
    ...{ brightBlue: '#2f6acb', brightMagenta: '#a045a6', brightCyan: '#217985', brightWhite: '#3c3e42' },
  },
  dark: {
    ...{ black: '#33363b', red: '#f19086', green: '#7bcf99', yellow: '#e6b65c' },
    ...{ blue: '#8ab4f8', magenta: '#d9a0e0', cyan: '#6cc3cd', white: '#d4d4d0' },
    ...{ brightBlack: '#8a8e94', brightRed: '#ffaaa1', brightGreen: '#97e3b2', brightYellow: '#f5cd80' },
    ...{ brightBlue: '#aecbff', brightMagenta: '#ecbdf2', brightCyan: '#8fdde6', brightWhite: '#ffffff' },
  },
}

/** The colours of the page as it looks now. */
export function palette(isDark: boolean): ITheme {
  const page = getComputedStyle(document.documentElement)
  const colour = (name: string): string => page.getPropertyValue(name).trim()
  const accent = colour('--accent')
  return {
    ...ANSI[isDark ? 'dark' : 'light'],
    background: colour('--surface'),
    foreground: colour('--text'),
    cursor: accent,
    cursorAccent: colour('--surface'),
    selectionBackground: `${accent}55`,
    scrollbarSliderBackground: `${colour('--muted')}40`,
    scrollbarSliderHoverBackground: `${colour('--muted')}70`,
    scrollbarSliderActiveBackground: `${colour('--muted')}90`,
  }
}
