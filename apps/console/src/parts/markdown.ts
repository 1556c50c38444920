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

/** Quotes and lists in each other, on one line: more are shown as text, as what takes them apart calls itself for each. */
const DEEP = /^[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+){50}/m

interface Shown {
  raw: string
  block: HTMLElement
}

interface Read {
  blocks: Token[]
  links: Tokens.Generic['links']
}

/**
 * Shows Markdown in an element, for Svelte's `{@attach}`. While a text grows only the blocks that change are made anew, so that
 * what is selected stays so. What cannot be taken apart is shown as it is.
 */
export class Markdown {
  #shown: Shown[] = []
  /** Where links by name lead to, which blocks before may use. */
  #links = ''

  constructor(private readonly element: HTMLElement) {
    element.addEventListener('click', copy)
  }

  show(source: string): void {
    const { blocks, links } = read(plain(source))
    const known = JSON.stringify(links)
    const areSame = known === this.#links
    this.#links = known
    for (const [index, token] of blocks.entries()) {
      const before = this.#shown[index]
      if (before?.raw === token.raw && (areSame || !token.raw.includes('['))) continue
      const block = blockOf(token, links)
      if (before) before.block.replaceWith(block)
      else this.element.append(block)
      this.#shown[index] = { raw: token.raw, block }
    }
    for (const { block } of this.#shown.splice(blocks.length)) block.remove()
  }
}

/** Its blocks; one of type `asIs` if it cannot be taken apart. */
export function read(source: string): Read {
  try {
    if (!DEEP.test(source)) {
      const tokens = marked.lexer(source)
      return { blocks: tokens.filter(({ type }) => type !== 'space' && type !== 'def'), links: tokens.links }
    }
  } catch {
    // Too deep in some other way.
  }
  return { blocks: [{ type: 'asIs', raw: source }], links: {} }
}

function blockOf(token: Token, links: Tokens.Generic['links']): HTMLElement {
  const block = document.createElement('div')
  try {
    if (token.type === 'asIs') return asIs(block, token.raw)
    const html = marked.parser(Object.assign([token], { links }))
    block.append(DOMPurify.sanitize(html, ALLOWED))
  } catch {
    return asIs(block, token.raw)
  }
  for (const pre of block.querySelectorAll('pre')) dress(pre)
  return block
}

function asIs(block: HTMLElement, raw: string): HTMLElement {
  block.className = 'as-is'
  block.textContent = raw
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
