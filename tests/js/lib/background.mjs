// Servers in the background: they outlive the command that starts them, and do not outlive their test.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { after } from 'node:test'

import { cli, eventually } from './server.mjs'

/** What keeps a server that is started without flags of a test away from the usual ports and the machine's programs. */
export const SETTINGS = { LONGSHORE_CONTROLLER_PORT: '0', LONGSHORE_MANAGER_PORT: '0', LONGSHORE_NO_DETECT: 'true' }

const homes = new Set()
after(() => Promise.all([...homes].map((home) => home.server('stop', '--force', '--deadline=0'))))

/** A data directory, and the command line for it. */
export class Home {
  constructor(dataDir, env = {}) {
    this.dataDir = dataDir
    this.env = { ...SETTINGS, ...env }
    homes.add(this)
  }

  /** `longshore …` */
  async cli(args, input = '') {
    return cli([...args, '--data-dir', this.dataDir], { input, env: this.env })
  }

  /** `longshore server …` */
  async server(command, ...args) {
    const at = args.indexOf('--')
    const [own, passed] = at < 0 ? [args, []] : [args.slice(0, at), args.slice(at)]
    return cli(['server', command, '--data-dir', this.dataDir, ...own, ...passed], { env: this.env })
  }

  /** Starts one; gives what its run file says. */
  async start(...flags) {
    const started = await this.server('start', '--', ...flags)
    if (started.code !== 0) throw new Error(`not started: ${started.stderr}`)
    return this.runFile()
  }

  get runPath() {
    return path.join(this.dataDir, 'run', 'controller.json')
  }

  runFile() {
    return existsSync(this.runPath) ? JSON.parse(readFileSync(this.runPath, 'utf8')) : undefined
  }

  /** Processes of servers with this data directory. */
  processes() {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const args = commandLine(pid)
        return args[1] === 'up' && args.includes(this.dataDir) && alive(pid)
      })
  }
}

/** The arguments of a process; none when it is gone. */
export function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** A process that was killed and whose parent has not taken note is not alive. */
export function alive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until a process is gone. */
export async function gone(pid) {
  await eventually(() => {
    if (alive(pid)) throw new Error(`process ${pid} is still there`)
  })
}
