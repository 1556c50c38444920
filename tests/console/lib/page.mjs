// A real browser: pages that have logged in over the printed address. A test fails on whatever a page complains of, unless it expects it.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after } from 'node:test'

import { chromium } from 'playwright-core'

import { PATIENCE, eventually } from '../../js/lib/server.mjs'

export { PATIENCE, eventually }

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--metrics-recording-only',
  '--mute-audio',
  '--no-first-run',
  '--enable-precise-memory-info',
]

/** What a browser says when there is nobody at the other end. */
export const CUT_OFF = [/net::ERR_/, /WebSocket connection to .* failed/]
/** What a browser says when it is not let in. */
export const NOT_LET_IN = [/status of 401/, /WebSocket connection to .* failed/]

let starting
after(async () => (await starting)?.close())

/** The browser of this file. */
async function browser() {
  assert.ok(existsSync(EXECUTABLE), `no browser at ${EXECUTABLE}: set CHROMIUM`)
  starting ??= chromium.launch({ executablePath: EXECUTABLE, args: ARGS, headless: true })
  return starting
}

/** In the page, before anything of it: whatever breaks its Content-Security-Policy, and what a hostile script would set. */
function watchPage() {
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ''} ${event.sample ?? ''}`)
  })
}

/** One browser of one person: a context of its own with one page. */
export class Desk {
  /** A desk for one test `t`; options as of Playwright's contexts, and `expected`: complaints that are none. */
  static async open(t, server, { expected = [], path = '/', login = true, ...options } = {}) {
    const context = await (await browser()).newContext({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      locale: 'en-GB',
      ...options,
    })
    context.setDefaultTimeout(PATIENCE)
    const desk = new Desk(context, server, expected)
    t?.after(async () => {
      if (process.env.CONSOLE_SHOT) await desk.page.screenshot({ path: `${process.env.CONSOLE_SHOT}-${desks++}.png` }).catch(() => {})
      await context.close()
      desk.assertQuiet()
    })
    await context.addInitScript(watchPage)
    desk.page = await context.newPage()
    desk.watch(desk.page)
    if (login) await desk.login(path)
    return desk
  }

  constructor(context, server, expected) {
    Object.assign(this, { context, server, expected, complaints: [], requests: [] })
    this.origin = server.controller
  }

  /** Opens the address that `up` prints. A server without one gets the same made of its token. */
  async login(path = '/') {
    await this.page.goto(`${this.origin}${path}#token=${this.server.token}`)
    await this.page.locator('main > .view').waitFor()
  }

  watch(page) {
    const complain = (text) => this.complaints.push(text)
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complain(`${message.type()}: ${message.text()} ${message.location().url}`)
    })
    page.on('pageerror', (error) => complain(`exception: ${error.stack ?? error}`))
    page.on('crash', () => complain('the page has crashed'))
    page.on('dialog', (dialog) => (complain(`dialog: ${dialog.message()}`), dialog.dismiss()))
    page.on('popup', () => complain('a window was opened'))
    page.on('request', (request) => {
      this.requests.push(request.url())
      const url = new URL(request.url())
      if (/^https?:/.test(url.protocol) && url.origin !== this.origin) complain(`request to elsewhere: ${url}`)
    })
  }

  /** The page complained of nothing that was not expected. */
  assertQuiet() {
    const unexpected = this.complaints.filter((text) => !this.expected.some((pattern) => pattern.test(text)))
    assert.deepEqual([...new Set(unexpected)], [])
  }

  // What is seen.

  get log() {
    return this.page.getByRole('log')
  }

  get composer() {
    return this.page.getByRole('textbox', { name: /^Message to/ })
  }

  /** Where it says how it stands with the connection. */
  get banner() {
    return this.page.locator('main .where')
  }

  get sidebar() {
    return this.page.getByRole('navigation', { name: 'Agents and conversations' })
  }

  /** Messages of people in the log that have this text. */
  said(text) {
    return this.log.locator('article.user').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  /** Answers of agents in the log that have this text. */
  answered(text) {
    return this.log.locator('article.agent').filter({ hasText: text })
  }

  /** Messages of one's own that are not in the log yet. */
  get outgoing() {
    return this.log.locator('article.outgoing')
  }

  async see(text, options) {
    await this.page.getByText(text, options).first().waitFor()
  }

  /** The address of a conversation. */
  place(agentId, conversationId, clientId = this.server.info.clientId) {
    return `/c/${clientId}/${agentId}${conversationId ? `/${conversationId}` : ''}`
  }

  /** Goes to a conversation and waits until one can write in it. */
  async visit(agentId, conversationId, clientId) {
    await this.page.goto(this.origin + this.place(agentId, conversationId, clientId))
    await this.ready()
  }

  /** One is in a conversation: its log is there. */
  async ready() {
    await this.composer.waitFor()
    await this.log.waitFor()
    await eventually(async () => assert.ok(await this.composer.isEnabled()))
  }

  /** Types a message and sends it. */
  async say(text) {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** What each row shows, from above to below, as text without times. */
  async rows() {
    return this.log.locator('.item > *').evaluateAll((rows) => rows.map((row) => row.innerText.replaceAll(/\b\d\d:\d\d\b/g, '').replaceAll(/\s+/g, ' ').trim()))
  }
}

let desks = 0

/** Tries until it holds: for what is counted or compared, where a locator does not say enough. */
export const holds = (check) => eventually(check)

/** Exactly so many of them are seen. */
export async function counted(locator, count) {
  await eventually(async () => assert.equal(await locator.count(), count, `${locator}`))
}
