import DOMPurify, { type Config } from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'

import { plain } from '../state/safe'
import { text } from '../text'

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escape = (raw: string): string => raw.replace(/[&<>"']/g, (character) => escapes[character] ?? '')

const SAFE = /^(https?:|mailto:)/i

/** HTML is shown as what it is, pictures as links: nothing is loaded from elsewhere. */
const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escape(text),
    image: ({ href, text }) => link(href, escape(text || href)),
    link({ href, tokens }) {
      return link(href, this.parser.parseInline(tokens))
    },
    code: ({ text, lang }) => {
      const language = /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? ''
      return `<pre data-language="${escape(language)}"><code>${escape(text)}</code></pre>`
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

function link(href: string, inner: string): string {
  if (!SAFE.test(href)) return inner
  return `<a href="${escape(href)}" target="_blank" rel="noopener noreferrer nofollow">${inner}</a>`
}

const ALLOWED: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [
    ...[
      'a',
      'blockquote',
      'br',
      'code',
      'del',
      'em',
      'h1',
      'h2',
      'h3',
      'h4',
      'h5',
      'h6',
      'hr',
      'li',
      'ol',
      'p',
      'pre',
    ],
    ...['strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
  ],
  ALLOWED_ATTR: ['href', 'target', 'rel', 'data-language', 'start', 'align'],
  RETURN_DOM_FRAGMENT: true,
}

interface Shown {
  raw: string
  block: HTMLElement
}

/**
 * Shows Markdown in an element, for Svelte's `{@attach}`. While a text grows only the blocks that change are made anew, so that
 * what is selected stays so.
 */
export class Markdown {
  #shown: Shown[] = []

  constructor(private readonly element: HTMLElement) {
    element.addEventListener('click', copy)
  }

  show(source: string): void {
    const tokens = marked.lexer(plain(source))
    let index = 0
    for (const token of tokens) {
      if (token.type === 'space' || token.type === 'def') continue
      const before = this.#shown[index]
      if (before?.raw !== token.raw) {
        const block = blockOf(token, tokens.links)
        if (before) before.block.replaceWith(block)
        else this.element.append(block)
        this.#shown[index] = { raw: token.raw, block }
      }
      index += 1
    }
    for (const { block } of this.#shown.splice(index)) block.remove()
  }
}

function blockOf(token: Token, links: Tokens.Generic['links']): HTMLElement {
  const block = document.createElement('div')
  const html = marked.parser(Object.assign([token], { links }))
  block.append(DOMPurify.sanitize(html, ALLOWED))
  for (const pre of block.querySelectorAll('pre')) dress(pre)
  return block
}

/** Names the language, gives a button to copy, and colours once the colouring is there. */
function dress(pre: HTMLPreElement): void {
  const language = pre.dataset.language ?? ''
  const head = document.createElement('div')
  head.className = 'code-head'
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = text.chat.copy
  head.append(Object.assign(document.createElement('span'), { textContent: language }), button)
  pre.before(head)
  pre.tabIndex = 0
  const code = pre.querySelector('code')
  if (code && language && (code.textContent?.length ?? 0) < 50_000) {
    void import('./highlight').then(({ highlight }) => highlight(code, language))
  }
}

function copy(event: Event): void {
  const { target } = event
  if (!(target instanceof HTMLButtonElement) || !target.classList.contains('copy')) return
  const code = target.parentElement?.nextElementSibling?.textContent ?? ''
  void copyText(code).then(() => {
    target.textContent = text.chat.copied
    setTimeout(() => (target.textContent = text.chat.copy), 1_500)
  })
}

/** Puts a text on the clipboard; on a page without https by the way of old. */
export async function copyText(what: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(what)
  const area = Object.assign(document.createElement('textarea'), {
    value: what,
    className: 'visually-hidden',
  })
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
