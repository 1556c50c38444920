import * as storage from './storage'

export type Choice = 'system' | 'light' | 'dark'

const isChoice = (value: unknown): value is Choice =>
  value === 'system' || value === 'light' || value === 'dark'

/** Light or dark: as the system is, unless somebody chose. */
class Theme {
  choice: Choice = $state(storage.kept('theme', isChoice) ?? 'system')
  isDark: boolean = $state(false)

  readonly #system = matchMedia('(prefers-color-scheme: dark)')

  start(): void {
    this.#system.addEventListener('change', () => this.#apply())
    this.#apply()
  }

  choose(choice: Choice): void {
    this.choice = choice
    storage.keep('theme', choice)
    this.#apply()
  }

  #apply(): void {
    this.isDark = this.choice === 'dark' || (this.choice === 'system' && this.#system.matches)
    document.documentElement.dataset.theme = this.isDark ? 'dark' : 'light'
  }
}

export const theme = new Theme()
