import type {
  AgentSpec,
  ApprovalPolicy,
  Codec,
  CodexSandbox,
  Filter,
  Host,
  Mount,
  OneshotFormat,
  OneshotRule,
} from '../protocol'
import { join } from './words'

/** A variable of the environment. A secret one is no part of the agent's configuration. */
export interface Variable {
  name: string
  value: string
  isSecret: boolean
}

/** Where the program runs; `builtIn` is for what is no program. */
export type Place = 'builtIn' | 'process' | 'image' | 'container'

/** The form of a new agent: what is typed, as text, whether it makes sense or not. */
export interface AgentForm {
  name: string
  place: Place
  /** Program and arguments, as in a shell. */
  command: string
  directory: string
  environment: Variable[]

  image: string
  container: string
  network: string
  user: string
  memoryMib: string
  /** How many, with a fraction. */
  processors: string
  pids: string
  isReadOnly: boolean
  tmpfs: string
  capabilities: string
  mounts: Mount[]

  codec: Codec['type']
  turnEnd: 'quiet' | 'sentinel' | 'oneLine'
  sentinel: string
  quietMs: string
  emptyMs: string
  greetingMs: string
  control: boolean
  sandbox: CodexSandbox
  format: OneshotFormat | 'rules'
  rules: string
  resume: string

  policy: ApprovalPolicy
  approvalSecs: string
  parallel: string
  silenceSecs: string
  maxAgeDays: string
  maxEntries: string
  commands: string
  /** As the preset says. */
  filters: Filter[]
}

/** What the manager takes when nothing is said. */
export const DEFAULTS = {
  quietMs: 300,
  emptyMs: 5_000,
  greetingMs: 1_000,
  approvalSecs: 600,
  parallel: 4,
  silenceSecs: 120,
  pids: 512,
} as const

export function emptyForm(): AgentForm {
  return {
    name: '',
    place: 'process',
    command: '',
    directory: '',
    environment: [],
    image: '',
    container: '',
    network: '',
    user: '',
    memoryMib: '',
    processors: '',
    pids: '',
    isReadOnly: false,
    tmpfs: '',
    capabilities: '',
    mounts: [],
    codec: 'lines',
    turnEnd: 'quiet',
    sentinel: '',
    quietMs: '',
    emptyMs: '',
    greetingMs: '',
    control: true,
    sandbox: 'workspaceWrite',
    format: 'codex',
    rules: '',
    resume: '',
    policy: 'ask',
    approvalSecs: '',
    parallel: '',
    silenceSecs: '',
    maxAgeDays: '',
    maxEntries: '',
    commands: '',
    filters: [],
  }
}

/** Where a program in a container of its own is at home: its login and its sessions outlive the container there. */
const HOME: Variable = { name: 'HOME', value: '/workspace', isSecret: false }

/** The form with another place, and what goes without saying there. */
export function moved(form: AgentForm, place: Place): AgentForm {
  const { environment } = form
  const others = environment.filter(({ name, value }) => name !== HOME.name || value !== HOME.value)
  if (place !== 'image') return { ...form, place, environment: others }
  const hasHome = environment.some(({ name }) => name === HOME.name)
  return { ...form, place, environment: hasHome ? environment : [...environment, { ...HOME }] }
}

/** The form as it would have to be filled in for this agent. */
export function formOf(spec: AgentSpec): AgentForm {
  const { approvals, retention } = spec
  return {
    ...emptyForm(),
    name: spec.name,
    ...hostOf(spec.host),
    ...codecOf(spec.codec),
    policy: approvals?.policy ?? 'ask',
    approvalSecs: unless(approvals?.timeoutSecs, DEFAULTS.approvalSecs),
    parallel: unless(spec.parallel, DEFAULTS.parallel),
    silenceSecs: unless(spec.silenceSecs, DEFAULTS.silenceSecs),
    maxAgeDays: unless(retention?.maxAgeDays),
    maxEntries: unless(retention?.maxEntries),
    commands: (spec.commands ?? []).join(' '),
    filters: spec.filters ?? [],
  }
}

function hostOf(host: Host | undefined): Partial<AgentForm> {
  if (!host) return { place: 'builtIn' }
  const environment = Object.entries(host.env ?? {}).map(([name, value]) => ({
    name,
    value,
    isSecret: false,
  }))
  if (host.type === 'process') {
    const command = join([host.command, ...(host.args ?? [])])
    return { place: 'process', command, directory: host.cwd ?? '', environment }
  }
  return {
    place: host.container === undefined ? 'image' : 'container',
    command: join(host.command ?? []),
    directory: host.workdir ?? '',
    environment,
    image: host.image ?? '',
    container: host.container ?? '',
    network: host.network ?? '',
    user: host.user ?? '',
    memoryMib: unless(host.memoryMib),
    processors: host.cpuMillis === undefined ? '' : String(host.cpuMillis / 1_000),
    pids: unless(host.pids, DEFAULTS.pids),
    isReadOnly: host.readOnly ?? false,
    tmpfs: join(host.tmpfs ?? []),
    capabilities: (host.capabilities ?? []).join(' '),
    mounts: host.mounts ?? [],
  }
}

function codecOf(codec: Codec): Partial<AgentForm> {
  switch (codec.type) {
    case 'lines':
      return {
        codec: 'lines',
        turnEnd: codec.sentinel !== undefined ? 'sentinel' : codec.oneLine ? 'oneLine' : 'quiet',
        sentinel: codec.sentinel ?? '',
        quietMs: unless(codec.quietMs, DEFAULTS.quietMs),
        emptyMs: unless(codec.emptyMs, DEFAULTS.emptyMs),
        greetingMs: unless(codec.greetingMs, DEFAULTS.greetingMs),
        control: codec.control ?? true,
      }
    case 'codex':
      return { codec: 'codex', sandbox: codec.sandbox ?? 'workspaceWrite' }
    case 'oneshot':
      return {
        codec: 'oneshot',
        format: codec.format ?? 'rules',
        rules: codec.rules?.length ? JSON.stringify(codec.rules, null, 2) : '',
        resume: join(codec.resume ?? []),
      }
    default:
      return { codec: codec.type }
  }
}

/** Text of a number, empty where it is the usual one. */
function unless(value: number | undefined, usual?: number): string {
  return value === undefined || value === usual ? '' : String(value)
}

/** The rules that were typed, if they are a list in JSON. What is in it is for the manager to judge. */
export function rulesOf(text: string): OneshotRule[] | undefined {
  try {
    const rules: unknown = JSON.parse(text)
    return Array.isArray(rules) && rules.length > 0 ? (rules as OneshotRule[]) : undefined
  } catch {
    return undefined
  }
}
