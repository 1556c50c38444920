/** Paths in a workspace: parts with `/` between them, and nothing for the workspace itself. */

export interface Crumb {
  name: string
  path: string
}

/** As the server may have been told it: `./a//b/` is `a/b`. What leads upwards stays as it is, and is refused there. */
export function normal(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}

export function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}

export function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function base(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The directories down to it, without the workspace itself. */
export function crumbs(path: string): Crumb[] {
  const parts = path.split('/').filter(Boolean)
  return parts.map((name, i) => ({ name, path: parts.slice(0, i + 1).join('/') }))
}

/** Whether something is the other or somewhere in it. */
export function isIn(path: string, directory: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`)
}

/** Whether something may be called so. */
export function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
}

/** Whether the name is what it is called. The server puts U+FFFD in the place of bytes that are no text. */
export function isAddressable(name: string): boolean {
  return !name.includes('\ufffd')
}

const LANGUAGES: Record<string, string> = {
  ...{ sh: 'bash', bash: 'bash', zsh: 'bash', c: 'c', h: 'c', cc: 'cpp', cpp: 'cpp', cxx: 'cpp', hpp: 'cpp' },
  ...{
    css: 'css',
    diff: 'diff',
    patch: 'diff',
    go: 'go',
    ini: 'ini',
    toml: 'ini',
    conf: 'ini',
    java: 'java',
  },
  ...{
    js: 'javascript',
    mjs: 'javascript',
    cjs: 'javascript',
    jsx: 'javascript',
    json: 'json',
    jsonl: 'json',
  },
  ...{ mk: 'makefile', md: 'markdown', py: 'python', pyi: 'python', rb: 'ruby', rs: 'rust', sql: 'sql' },
  ...{
    ts: 'typescript',
    tsx: 'typescript',
    mts: 'typescript',
    html: 'xml',
    xml: 'xml',
    svg: 'xml',
    vue: 'xml',
  },
  ...{ svelte: 'xml', yml: 'yaml', yaml: 'yaml' },
}
const NAMES: Record<string, string> = {
  ...{ makefile: 'makefile', dockerfile: 'dockerfile', containerfile: 'dockerfile', gemfile: 'ruby' },
  ...{ '.bashrc': 'bash', '.profile': 'bash', '.gitconfig': 'ini', '.editorconfig': 'ini' },
}
const PICTURES: Record<string, string> = {
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' },
  ...{ avif: 'image/avif', bmp: 'image/bmp', ico: 'image/x-icon' },
}

function extension(path: string): string {
  const name = base(path)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : ''
}

/** What its text is written in, as far as its name says. */
export function language(path: string): string | undefined {
  const of = (all: Record<string, string>, key: string): string | undefined =>
    Object.hasOwn(all, key) ? all[key] : undefined
  return of(NAMES, base(path).toLowerCase()) ?? of(LANGUAGES, extension(path))
}

/** The media type of a picture that browsers show. */
export function pictureType(path: string): string | undefined {
  const of = extension(path)
  return Object.hasOwn(PICTURES, of) ? PICTURES[of] : undefined
}
