import * as storage from './storage'

export type Choice = 'system' | 'light' | 'dark'

const isChoice = (value: unknown): value is Choice =>
  value === 'system' || value === 'light' || value === 'dark'

/** Light or dark: as the system is, unless somebody chose. */
class Theme {
  choice: Choice = $state(storage.kept('theme', isChoice) ?? 'system')
  isDark: boolean = $state(false)

  start(): void {
    const system = matchMedia('(prefers-color-scheme: dark)')
    const apply = (): void => {
      this.isDark = this.choice === 'dark' || (this.choice === 'system' && system.matches)
      document.documentElement.dataset.theme = this.isDark ? 'dark' : 'light'
    }
    system.addEventListener('change', apply)
    $effect.root(() => $effect(apply))
    apply()
  }

  choose(choice: Choice): void {
    this.choice = choice
    storage.keep('theme', choice)
  }
}

export const theme = new Theme()
