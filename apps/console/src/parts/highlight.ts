// Loaded when there is code to be coloured.
import '../style/code.css'

import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import dockerfile from 'highlight.js/lib/languages/dockerfile'
import go from 'highlight.js/lib/languages/go'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import makefile from 'highlight.js/lib/languages/makefile'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import ruby from 'highlight.js/lib/languages/ruby'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'

const languages = {
  ...{
    bash,
    c,
    cpp,
    css,
    diff,
    dockerfile,
    go,
    ini,
    java,
    javascript,
    json,
    makefile,
    markdown,
    python,
    ruby,
    rust,
  },
  ...{ sql, typescript, xml, yaml },
}
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language)
hljs.registerAliases(['svelte', 'vue'], { languageName: 'xml' })

/** Colours a piece of code, if its language is known. */
export function highlight(code: HTMLElement, language: string): void {
  if (!hljs.getLanguage(language)) return
  // What highlight.js returns is the escaped text with spans; it is put in as a template is.
  const template = document.createElement('template')
  template.innerHTML = hljs.highlight(code.textContent ?? '', { language, ignoreIllegals: true }).value
  code.replaceChildren(template.content)
}
