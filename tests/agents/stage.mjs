// What the scripted agents share: lines in and out, the files of their sessions, their signals.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for ever. The timer keeps the process alive when its input has ended. */
export const never = () => new Promise(() => setInterval(() => {}, 2 ** 30))

// Lines that come up while one is being written in halves wait here until it is whole.
let held = null

/** Writes one line as it is. Pipes are written synchronously, so nothing is lost by an exit after it. */
export function line(text) {
  if (held) held.push(text)
  else process.stdout.write(`${text}\n`)
}

/** Writes a value as a line of JSON. U+2028 and U+2029 stay as they are, as JSON allows. */
export const write = (value) => line(JSON.stringify(value))

/** Writes a value as a line that comes in two reads, cut within a character of several bytes if it has one. */
export async function halves(value) {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
  const wide = bytes.findIndex((byte) => byte >= 0xc0)
  const cut = wide < 0 ? bytes.length >> 1 : wide + 1
  held = []
  process.stdout.write(bytes.subarray(0, cut))
  await sleep(60)
  process.stdout.write(bytes.subarray(cut))
  const waiting = held
  held = null
  waiting.forEach(line)
}

/** Calls `each` with every line of the input and `end` once after the last. With FAKE_LOG, appends the lines there first. */
export function listen(each, end = () => {}) {
  let rest = Buffer.alloc(0)
  const take = (bytes) => {
    const text = bytes.toString()
    if (process.env.FAKE_LOG) appendFileSync(process.env.FAKE_LOG, `${text}\n`)
    each(text)
  }
  process.stdin.on('data', (data) => {
    rest = Buffer.concat([rest, data])
    for (let at; (at = rest.indexOf(10)) >= 0; rest = rest.subarray(at + 1)) take(rest.subarray(0, at))
  })
  process.stdin.on('end', () => {
    if (rest.length) take(rest)
    if (!hearing) return never()
    end()
  })
}

/** All of the input, once it has ended. */
export function input() {
  const lines = []
  return new Promise((resolve) => listen((text) => lines.push(text), () => resolve(lines.join('\n'))))
}

/** The JSON of a line, or undefined. */
export function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A text in pieces of three characters, as a model would stream it; the empty text has none. */
export const pieces = (text) => text.match(/[^]{1,3}/gu) ?? []

let hearing = true

/** Ignores the polite signals and the end of the input; what is left is SIGKILL. */
export function deaf() {
  hearing = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
}

const fileOf = (id) => join(process.env.FAKE_STATE ?? process.cwd(), `${id}.session.json`)

/** A session: how many prompts it had and what was said, kept in a file named after its id. */
export class Session {
  /** Tools that were allowed for the rest of the session. */
  always = new Set()

  constructor(id, { prompts = 0, said = [] } = {}) {
    Object.assign(this, { id, prompts, said })
  }

  /** The session of an earlier process, or undefined. */
  static load(id) {
    const safe = typeof id === 'string' && /^[\w.-]+$/.test(id)
    return safe && existsSync(fileOf(id)) ? new Session(id, JSON.parse(readFileSync(fileOf(id)))) : undefined
  }

  /** Counts a prompt. From now on the session can be resumed. */
  prompt(text) {
    this.prompts += 1
    this.said.push([text, ''])
    this.save()
  }

  /** Adds to the answer of the last prompt. */
  answer(text) {
    this.said.at(-1)[1] += text
    this.save()
  }

  save() {
    writeFileSync(fileOf(this.id), JSON.stringify({ prompts: this.prompts, said: this.said }))
  }
}

/** Something that is asked for once: `asked` says whether, `wait()` until when. */
export class Cancel {
  asked = false
  #promise = new Promise((resolve) => (this.ask = () => ((this.asked = true), resolve())))

  wait() {
    return this.#promise
  }
}

/** Answers that are waited for, by the id of the question. */
export class Questions {
  #open = new Map()

  ask(id) {
    return new Promise((resolve) => this.#open.set(id, resolve))
  }

  /** Gives the answer to whoever waits for it; false if nobody does. */
  answer(id, value) {
    const resolve = this.#open.get(id)
    this.#open.delete(id)
    resolve?.(value)
    return resolve !== undefined
  }
}
