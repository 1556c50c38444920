// What somebody sees who has just started it, and who is not let in.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { up } from '../js/lib/server.mjs'
import { CUT_OFF, Desk, NOT_LET_IN, eventually } from './lib/page.mjs'

let server
before(async () => (server = await up({ agents: ['bc=bc -l'] })))

/** All that a script in the page could read of where it keeps things. */
const kept = (page) =>
  page.evaluate(async () => ({
    address: location.href,
    cookies: document.cookie,
    local: JSON.stringify({ ...localStorage }),
    session: JSON.stringify({ ...sessionStorage }),
    databases: JSON.stringify((await indexedDB.databases?.()) ?? []),
    name: window.name,
    page: document.documentElement.outerHTML,
  }))

test('the printed address leads into a conversation with a working agent', async (t) => {
  const alone = await up()
  const desk = await Desk.open(t, alone, { login: false })
  const { page } = desk

  await page.goto(alone.info.url)
  await desk.ready()

  assert.match(new URL(page.url()).pathname, /^\/c\/cl_\w+\/ag_\w+\//)
  await desk.say('Is anybody there?')
  await desk.answered('Is anybody there?').waitFor()
  await desk.said('Is anybody there?').getByRole('img', { name: 'delivered' }).waitFor()
})

test('with several agents, one picks', async (t) => {
  const desk = await Desk.open(t, server, { login: false })
  await desk.page.goto(server.info.url)

  await desk.page.getByRole('main').getByRole('link', { name: /^idle bc|bc/ }).click()
  await desk.ready()
  await desk.say('6 * 7')

  await desk.answered('42').waitFor()
})

test('the token is kept nowhere that a script could read', async (t) => {
  const desk = await Desk.open(t, server)
  const { page } = desk
  await desk.page.getByRole('heading', { name: 'Welcome to longshore' }).waitFor()
  await desk.visit(server.agent('echo'))

  for (const [where, text] of Object.entries(await kept(page))) {
    assert.doesNotMatch(text, /ls_|lss_|token=/, where)
  }
  const [cookie] = await desk.context.cookies()
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict'])
  assert.match(cookie.value, /^lss_/)
  await page.goBack()
  await page.getByRole('heading', { name: 'Welcome to longshore' }).waitFor()
  assert.equal(new URL(page.url()).hash, '')
  assert.ok(desk.requests.every((url) => !url.includes(server.token) || url.startsWith(`${desk.origin}/#`)))
})

test('a wrong token is told in words, and the right one lets in', async (t) => {
  const desk = await Desk.open(t, server, { login: false, expected: NOT_LET_IN })
  const { page } = desk
  await page.goto(server.controller + desk.place(server.agent('echo')))

  const field = page.getByLabel('Access token')
  await field.fill('ls_wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').getByText('That is no valid token').waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
  await field.fill(server.token)
  await field.press('Enter')

  await desk.ready()
  assert.match(new URL(page.url()).pathname, new RegExp(server.agent('echo')))
})

test('a wrong token in the address is told, too', async (t) => {
  const desk = await Desk.open(t, server, { login: false, expected: NOT_LET_IN })
  await desk.page.goto(`${server.controller}/#token=ls_wrong`)

  await desk.page.getByRole('heading', { name: 'Log in to longshore' }).waitFor()
  await desk.page.getByText('That is no valid token').waitFor()
  assert.equal(new URL(desk.page.url()).hash, '')
})

test('a session that is ended elsewhere: words, a draft that is kept, and on it goes', async (t) => {
  const desk = await Desk.open(t, server, { expected: [...NOT_LET_IN, ...CUT_OFF] })
  const { page } = desk
  await desk.visit(server.agent('echo'))
  await desk.say('before it ended')
  await desk.answered('before it ended').waitFor()
  await desk.composer.fill('half a thought')

  const [{ name, value }] = await desk.context.cookies()
  const ended = await fetch(`${server.controller}/api/session`, { method: 'DELETE', headers: { cookie: `${name}=${value}` } })
  assert.equal(ended.status, 204)

  await page.getByText('Your session has ended. Log in again to go on').waitFor()
  await page.getByLabel('Access token').fill(server.token)
  await page.getByRole('button', { name: 'Log in' }).click()
  await desk.ready()
  await eventually(async () => assert.equal(await desk.composer.inputValue(), 'half a thought'))
  await desk.answered('before it ended').waitFor()
  await desk.composer.press('Enter')
  await desk.answered('half a thought').waitFor()
})

test('to log out is to be out', async (t) => {
  const desk = await Desk.open(t, server, { expected: NOT_LET_IN })
  await desk.visit(server.agent('echo'))
  await desk.page.keyboard.press('Control+k')
  await desk.page.getByRole('combobox').fill('log out')
  await desk.page.keyboard.press('Enter')

  await desk.page.getByLabel('Access token').waitFor()
  await desk.page.reload()
  await desk.page.getByLabel('Access token').waitFor()
})
