// Terminals in the browser: what is typed, shown, lost and found again.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Proxy } from '../js/lib/proxy.mjs'
import { addAgent, apart, eventually, manager } from '../js/lib/server.mjs'
import { assertClean, open, scene } from './lib/tab.mjs'

let s
before(async () => (s = await scene()))

const rows = (page) => page.locator('.xterm-rows').innerText()
const until = (page, text) =>
  page.waitForFunction((text) => document.querySelector('.xterm-rows')?.innerText.includes(text), text)

/** A new terminal, with its prompt. */
async function begin(page) {
  await page.getByRole('button', { name: 'New terminal' }).last().click()
  await page.locator('.xterm-rows').waitFor()
  await type(page, 'PS1="% "; clear; echo rea""dy')
  await until(page, 'ready')
}

async function type(page, line) {
  await page.keyboard.type(`${line}\n`)
}

test('a shell with colours, under the policy that the server sends', async () => {
  const page = await open(s, s.agentId, 'terminal')
  await begin(page)

  await type(page, 'printf "\\e[31mred\\e[0m \\e[38;2;10;90;20mtr""ue\\e[0m\\n"')
  await until(page, 'red true')
  const colour = (text) =>
    page.locator('.xterm-rows span', { hasText: text }).last().evaluate((span) => getComputedStyle(span).color)

  assert.equal(await colour('red'), 'rgb(168, 40, 30)')
  assert.equal(await colour('true'), 'rgb(10, 90, 20)')
  const { height } = await page.locator('.xterm-rows > div').first().boundingBox()
  assert.ok(height > 10 && height < 30, `${height}`)
  assert.ok(await page.evaluate(() => !Object.hasOwn(document, 'createElement')))
  assertClean(page)
})

test('it has the size of the window, and is left by the keyboard', async () => {
  const page = await open(s, s.agentId, 'terminal')
  await begin(page)
  const size = async () => {
    await type(page, 'clear; echo "size" $(stty size) "."')
    await until(page, ' .')
    return (await rows(page)).match(/size (\d+) (\d+) \./).slice(1).map(Number)
  }

  const wide = await size()
  await page.setViewportSize({ width: 700, height: 400 })
  const narrow = await eventually(async () => {
    const now = await size()
    assert.ok(now[0] < wide[0] && now[1] < wide[1], `${now}`)
    return now
  })
  await page.keyboard.press('Control+Shift+L')

  assert.ok(narrow[1] > 20)
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'tab')
  assertClean(page)
})

test('pasting, and how a program has exited', async () => {
  const page = await open(s, s.agentId, 'terminal')
  await begin(page)

  await page.evaluate((text) => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', text)
    const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
    document.querySelector('.xterm-helper-textarea').dispatchEvent(paste)
  }, 'echo pas""ted-äß')
  await page.keyboard.press('Enter')
  await until(page, 'pasted-äß')
  await type(page, 'exit 7')
  await page.getByText('Its program has exited.').waitFor()
  const tab = await page.getByRole('tab', { selected: true }).innerText()
  await page.getByRole('button', { name: 'Close the tab' }).click()

  assert.match(tab, /exited with 7/)
  assertClean(page)
})

test('the connection is cut and comes back: the same terminal, nothing twice', async () => {
  const page = await open(s, s.agentId, 'terminal')
  await begin(page)

  await type(page, '(sleep 1; echo un""seen) & echo beg""un')
  // What is typed right before a cut may not get there.
  await until(page, 'begun')
  s.proxy.cut()
  await until(page, 'unseen')
  await type(page, 'echo on""ward')
  await until(page, 'onward')

  assert.equal((await rows(page)).split('unseen').length, 2)
  assert.equal((await rows(page)).split('ready').length, 2)
  assertClean(page)
})

test('others see the same terminal, and it stays while something else is looked at', async () => {
  const [a, b] = await Promise.all([open(s, s.agentId, 'terminal'), open(s, s.agentId, 'terminal')])
  await begin(a)
  const count = await a.getByRole('tab').count()

  await eventually(async () => assert.equal(await b.getByRole('tab').count(), count))
  await b.getByRole('tab').last().click()
  await until(b, 'ready')
  await type(a, 'echo from""A')
  await until(b, 'fromA')
  await a.getByRole('link', { name: 'Files' }).click()
  await a.getByRole('region', { name: 'Files' }).waitFor()
  await b.locator('.xterm-screen').click()
  await type(b, 'echo from""B')
  await a.getByRole('link', { name: 'Terminal' }).click()
  await until(a, 'fromB')

  assertClean(a, b)
})

test('a flood ends, and the page lives', async () => {
  const page = await open(s, s.agentId, 'terminal')
  await begin(page)

  await type(page, 'yes flood | head -c 6000000; echo do""ne')
  await until(page, 'done')
  await type(page, 'echo al""ive')
  await until(page, 'alive')

  assertClean(page)
})

test('a manager that is restarted has lost its terminals, and says so', async () => {
  const m = await apart()
  const { agentId } = await eventually(() =>
    addAgent(m.controller, m.clientId, { name: 'sh', codec: { type: 'lines' }, host: { type: 'process', command: 'bash' } }),
  )
  const proxy = await Proxy.before(m.controller.controller)
  const page = await open({ server: m.controller, proxy, clientId: m.clientId }, agentId, 'terminal')
  await begin(page)

  await m.manager.kill()
  await manager({ dataDir: m.manager.dataDir, port: m.manager.port })
  await page.getByText('the manager was restarted').waitFor()
  await page.getByRole('button', { name: 'New terminal' }).first().click()
  await page.locator('.tab').nth(1).waitFor()

  assertClean(page)
})

test('an agent without a place says so', async () => {
  const page = await open(s, s.server.agent('echo'), 'terminal')

  await page.getByRole('button', { name: 'New terminal' }).last().click()
  await page.getByText('no place of its own').waitFor()

  assertClean(page)
})
