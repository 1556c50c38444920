// Pictures of the console for the README: docs/screenshots. `make screenshots`.

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Scene } from '../js/lib/scene.mjs'
import { addAgent } from '../js/lib/server.mjs'
import { CUT_OFF, Desk } from './lib/page.mjs'
import { conversation } from './lib/room.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const directory = here('../../docs/screenshots')
mkdirSync(directory, { recursive: true })

const FIRST = 'The login test has been failing on CI since yesterday. Can you find out why?'
const SECOND = 'Thanks! Please push it to a branch of its own.'
const TURN = { codec: { type: 'lines', sentinel: '^~end~$' }, host: { type: 'process', command: 'node', args: [here('lib/showcase.mjs')] } }
const SHELL = { codec: { type: 'lines' }, host: { type: 'process', command: 'bash', env: { SHELL: '/bin/bash' } } }

test('pictures', async (t) => {
  const scene = await Scene.open()
  const { server } = scene
  const { clientId } = server.info
  const add = async (name, spec) => (await addAgent(server, clientId, { name, ...spec })).agentId
  const claude = await add('claude', TURN)
  for (const name of ['codex', 'gemini']) await add(name, TURN)
  const shell = await add('shell', SHELL)
  const v = await scene.viewer()
  const place = await conversation(v, claude, 'Flaky login test')
  for (const name of ['Release notes', 'Upgrade of the database', 'Ideas']) await conversation(v, claude, name)
  // Twice the same: what is drawn in steps is drawn.
  const save = async (desk, name) => {
    let before
    for (let picture; !before?.equals(picture); ) {
      before = picture
      await desk.page.waitForTimeout(300)
      picture = await desk.page.screenshot({ path: path.join(directory, `${name}.png`), caret: 'hide' })
      if (name === 'reconnecting') return
    }
  }

  const desk = await Desk.open(t, server, { colorScheme: 'light', expected: CUT_OFF })
  await desk.visit(...place.at)
  await desk.say(FIRST)
  await desk.see('19,116 tokens')
  await save(desk, 'chat-light')

  const night = await Desk.open(t, server, { colorScheme: 'dark', expected: CUT_OFF })
  await night.visit(...place.at)
  await night.see('19,116 tokens')
  await save(night, 'chat-dark')

  await desk.say(SECOND)
  await desk.page.getByRole('button', { name: 'Allow once' }).waitFor()
  await save(desk, 'approval')

  const pocket = await Desk.open(t, server, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: 'light', expected: CUT_OFF })
  await pocket.visit(...place.at)
  await pocket.page.getByRole('button', { name: 'Allow once' }).waitFor()
  await save(pocket, 'phone')
  await desk.page.getByRole('button', { name: 'Allow once' }).click()
  await desk.answered('Pushed').waitFor()

  await desk.page.goto(`${server.controller}/a/${clientId}/${shell}/terminal`)
  await desk.page.getByRole('button', { name: 'New terminal' }).last().click()
  await desk.page.locator('.xterm-rows').waitFor()
  const terminal = desk.page.locator('.xterm-rows')
  await desk.page.keyboard.type('PS1="\\[\\e[32m\\]shell\\[\\e[0m\\]:\\[\\e[34m\\]\\w\\[\\e[0m\\]$ "; cd /usr; clear\n')
  await terminal.filter({ hasText: /^\s*shell:\/usr\$/ }).waitFor()
  await desk.page.keyboard.type('ls --color -l\nuname -sm\n')
  await terminal.filter({ hasText: 'Linux' }).waitFor()
  await save(desk, 'terminal')

  await desk.page.goto(`${server.controller}/server`)
  await desk.page.getByRole('table').waitFor()
  await save(desk, 'server')

  await desk.visit(...place.at)
  await desk.answered('Pushed').waitFor()
  await server.kill()
  await desk.say('And tell me when it is merged.')
  await desk.see('Connection lost')
  await save(desk, 'reconnecting')
})
