import type { AgentSpec, Codec, Host, WireError } from '../protocol'
import { rulesOf, type AgentForm } from './agent-form'
import { split } from './words'

/** A field of the form that something can be wrong with. */
export type Field =
  | Exclude<
      keyof AgentForm,
      'place' | 'isReadOnly' | 'codec' | 'turnEnd' | 'control' | 'sandbox' | 'format' | 'policy' | 'filters'
    >
  | 'general'

/** What is wrong with a field. */
export type Problem =
  | { kind: 'missing' | 'openQuote' | 'rules' | 'variable' | 'mount' | 'absolute' }
  | { kind: 'number'; least: number; most: number | undefined }

export type Problems = Partial<Record<Field, Problem>>

/** The same in words, and what the manager says. */
export type Errors = Partial<Record<Field, string>>

/** Which number each field takes. */
const NUMBERS = {
  memoryMib: [6, 16_777_216],
  processors: [0.01, 1_024],
  pids: [1, 4_194_304],
  quietMs: [1, undefined],
  emptyMs: [1, undefined],
  greetingMs: [0, undefined],
  approvalSecs: [1, 86_400],
  parallel: [1, 64],
  silenceSecs: [0, undefined],
  maxAgeDays: [1, undefined],
  maxEntries: [1, undefined],
} as const satisfies Partial<Record<Field, readonly [number, number | undefined]>>
type NumberField = keyof typeof NUMBERS

/** The fields that count, as the form stands. */
function isUsed(form: AgentForm, field: Field): boolean {
  const { place, codec, turnEnd } = form
  switch (field) {
    case 'command':
      return place === 'process' || place === 'image'
    case 'directory':
    case 'environment':
      return place === 'process' || place === 'image'
    case 'image':
    case 'network':
    case 'user':
    case 'memoryMib':
    case 'processors':
    case 'pids':
    case 'tmpfs':
    case 'capabilities':
    case 'mounts':
      return place === 'image'
    case 'container':
      return place === 'container'
    case 'sentinel':
    case 'greetingMs':
      return codec === 'lines' && turnEnd === 'sentinel'
    case 'quietMs':
      return codec === 'lines' && turnEnd === 'quiet'
    case 'emptyMs':
      return codec === 'lines' && turnEnd !== 'sentinel'
    case 'rules':
      return codec === 'oneshot' && form.format === 'rules'
    case 'resume':
      return codec === 'oneshot'
    default:
      return true
  }
}

/** What is wrong with the form, as far as that can be told without the manager. */
export function problemsOf(form: AgentForm): Problems {
  const problems: Problems = {}
  const complain = (field: Field, problem: Problem): void => {
    if (isUsed(form, field)) problems[field] ??= problem
  }
  if (!form.name.trim()) complain('name', { kind: 'missing' })
  if (form.place === 'process' && !form.command.trim()) complain('command', { kind: 'missing' })
  for (const field of ['image', 'container', 'sentinel'] as const)
    if (!form[field].trim()) complain(field, { kind: 'missing' })
  for (const field of ['command', 'resume', 'tmpfs'] as const)
    if (!split(form[field])) complain(field, { kind: 'openQuote' })
  for (const field of Object.keys(NUMBERS) as NumberField[]) {
    const [least, most] = NUMBERS[field]
    const isWhole = field !== 'processors'
    if (form[field].trim() && !isNumber(form[field], least, most, isWhole))
      complain(field, { kind: 'number', least, most })
  }
  if (!rulesOf(form.rules)) complain('rules', { kind: 'rules' })
  if (form.environment.some(({ name, value }) => !isVariable(name) && (name || value)))
    complain('environment', { kind: 'variable' })
  if (form.mounts.some(({ source, target }) => !source.startsWith('/') || !target.startsWith('/')))
    complain('mounts', { kind: 'mount' })
  if (form.place === 'image' && form.directory && !form.directory.startsWith('/'))
    complain('directory', { kind: 'absolute' })
  return problems
}

function isNumber(text: string, least: number, most: number | undefined, isWhole: boolean): boolean {
  const form = isWhole ? /^\d{1,15}$/ : /^\d{1,6}([.,]\d{1,3})?$/
  const value = numeral(text)
  return form.test(text.trim()) && value >= least && value <= (most ?? Infinity)
}

function numeral(text: string): number {
  return Number(text.trim().replace(',', '.'))
}

/** Whether a variable of the environment can have this name. */
export function isVariable(name: string): boolean {
  return name !== '' && new TextEncoder().encode(name).length <= 128 && !/[=\0]/.test(name)
}

/** The agent that a form without problems describes. Its secret variables are left out. */
export function specOf(form: AgentForm): AgentSpec {
  const number = (field: NumberField): number | undefined =>
    form[field].trim() && isUsed(form, field) ? numeral(form[field]) : undefined
  const host = hostOf(form, number)
  const timeoutSecs = number('approvalSecs')
  const [maxAgeDays, maxEntries] = [number('maxAgeDays'), number('maxEntries')]
  const spec: AgentSpec = { name: form.name.trim(), codec: codecOf(form, number) }
  if (host) spec.host = host
  if (form.policy !== 'ask' || timeoutSecs !== undefined)
    spec.approvals = { policy: form.policy, ...given({ timeoutSecs }) }
  if (maxAgeDays !== undefined || maxEntries !== undefined) spec.retention = given({ maxAgeDays, maxEntries })
  if (form.filters.length) spec.filters = form.filters
  const commands = form.commands.split(/[\s,]+/).filter(Boolean)
  if (commands.length) spec.commands = commands
  return { ...spec, ...given({ parallel: number('parallel'), silenceSecs: number('silenceSecs') }) }
}

/** The secret variables by name. */
export function secretsOf(form: AgentForm): Record<string, string> {
  return isUsed(form, 'environment') ? variables(form, true) : {}
}

function variables({ environment }: AgentForm, isSecret: boolean): Record<string, string> {
  const wanted = environment.filter((variable) => variable.name && variable.isSecret === isSecret)
  return Object.fromEntries(wanted.map(({ name, value }) => [name, value]))
}

type NumberOf = (field: NumberField) => number | undefined

function hostOf(form: AgentForm, number: NumberOf): Host | undefined {
  const env = variables(form, false)
  const directory = form.directory.trim() || undefined
  const words = split(form.command) ?? []
  switch (form.place) {
    case 'builtIn':
      return undefined
    case 'container':
      return { type: 'docker', container: form.container.trim() }
    case 'process': {
      const [command = '', ...args] = words
      return { type: 'process', command, args, env, ...given({ cwd: directory }) }
    }
    case 'image': {
      const cpus = number('processors')
      const lists = {
        command: words,
        mounts: form.mounts,
        tmpfs: split(form.tmpfs) ?? [],
        capabilities: form.capabilities.split(/[\s,]+/).filter(Boolean),
      }
      return {
        type: 'docker',
        image: form.image.trim(),
        ...Object.fromEntries(Object.entries(lists).filter(([, items]) => items.length)),
        ...(Object.keys(env).length && { env }),
        ...(form.isReadOnly && { readOnly: true }),
        ...given({
          network: form.network.trim() || undefined,
          user: form.user.trim() || undefined,
          workdir: directory,
          memoryMib: number('memoryMib'),
          cpuMillis: cpus === undefined ? undefined : Math.round(cpus * 1_000),
          pids: number('pids'),
        }),
      }
    }
  }
}

function codecOf(form: AgentForm, number: NumberOf): Codec {
  switch (form.codec) {
    case 'lines':
      return {
        type: 'lines',
        ...(form.turnEnd === 'sentinel' && { sentinel: form.sentinel }),
        ...(form.turnEnd === 'oneLine' && { oneLine: true }),
        ...given({
          quietMs: number('quietMs'),
          emptyMs: number('emptyMs'),
          greetingMs: number('greetingMs'),
        }),
        ...(!form.control && { control: false }),
      }
    case 'codex':
      return { type: 'codex', sandbox: form.sandbox }
    case 'oneshot': {
      const resume = split(form.resume) ?? []
      const meaning = form.format === 'rules' ? { rules: rulesOf(form.rules) ?? [] } : { format: form.format }
      return { type: 'oneshot', ...meaning, ...(resume.length && { resume }) }
    }
    default:
      return { type: form.codec }
  }
}

/** Without what is `undefined`: JSON has no such thing, and a field that is there has to mean something. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as { [K in keyof T]?: NonNullable<T[K]> }
}

/** How the manager's words begin, by the field that they are about. */
const WORDS: ReadonlyArray<[RegExp, Field]> = [
  [/^an agent's name/, 'name'],
  [/^container: image\b/, 'image'],
  [/^container: container\b/, 'container'],
  [/^container: network\b/, 'network'],
  [/^container: user\b/, 'user'],
  [/^container: memoryMib\b/, 'memoryMib'],
  [/^container: cpuMillis\b/, 'processors'],
  [/^container: pids\b/, 'pids'],
  [/^container: capabilities\b/, 'capabilities'],
  [/^container: env\b/, 'environment'],
  [/^container: (source|target|mounts|".*" is mounted twice)/, 'mounts'],
  [/^container: tmpfs\b/, 'tmpfs'],
  [/^container: workdir\b/, 'directory'],
  [/^container: command\b/, 'command'],
  [/^parallel\b/, 'parallel'],
  [/^approvals\.timeoutSecs\b/, 'approvalSecs'],
  [/^codec "oneshot"/, 'rules'],
  [/cannot be a command of an agent$/, 'commands'],
  [/\bworking directory\b|\bcwd\b/i, 'directory'],
  [/\bmount/i, 'mounts'],
  [/\bsentinel\b|\bpattern\b/i, 'sentinel'],
]

/** The field that the manager's words are about. */
export function fieldOf(error: Pick<WireError, 'message'> & { code: string }, form: AgentForm): Field {
  if (error.code === 'NAME_TAKEN') return 'name'
  const field = WORDS.find(([words]) => words.test(error.message))?.[1]
  return field !== undefined && isUsed(form, field) ? field : 'general'
}
