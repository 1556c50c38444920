// Files in the browser: looked at, edited by two at a time, made, moved, carried in and out.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { addAgent, eventually } from '../js/lib/server.mjs'
import { assertClean, open, scene } from './lib/tab.mjs'

let s
before(async () => (s = await scene()))

const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC'

/** An agent with a workspace of its own, in which `files` are. */
async function workspace(files) {
  const spec = { name: `w${Math.random()}`, codec: { type: 'lines' }, host: { type: 'process', command: 'cat' } }
  const { agentId } = await addAgent(s.server, s.clientId, spec)
  const directory = path.join(s.server.dataDir, 'agents', agentId)
  const at = (name) => (Buffer.isBuffer(name) ? name : path.join(directory, name))
  mkdirSync(directory, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(at(name)), { recursive: true })
    writeFileSync(at(name), content)
  }
  return { agentId, at, read: (name) => readFileSync(at(name), 'utf8') }
}

const file = (page, name) => page.locator('.file', { hasText: name }).first()
const button = (page, name) => page.getByRole('button', { name, exact: true })
const saved = (page) => page.locator('header .primary:disabled', { hasText: 'Save' }).waitFor()

test('text with colours, pictures, bytes, and names that hide nothing', async () => {
  const { agentId, at } = await workspace({
    'src/main.rs': 'fn main() {\n    println!("hello");\n}\n',
    'pic.png': Buffer.from(PICTURE, 'base64'),
    'raw.bin': Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) % 256)),
    'invoice\u202efdp.exe': '',
    'new\nline': '',
    evil: 'if (admin \u2066) {}\x1b[2J\n',
  })
  writeFileSync(Buffer.from(`${at('bad')}\xff`, 'latin1'), '')
  symlinkSync('src', at('link'))
  const page = await open(s, agentId, 'files')

  await file(page, 'src').waitFor()
  const names = await page.locator('.file bdi').allInnerTexts()
  await file(page, 'pic.png').click()
  await page.waitForFunction(() => document.querySelector('.picture img')?.naturalWidth === 10)
  await file(page, 'raw.bin').click()
  await page.getByText('00000ff0').waitFor()
  await file(page, 'evil').click()
  await page.getByText('if (admin ⟦U+2066⟧) {}␛[2J').waitFor()
  await file(page, 'link').click()
  await file(page, 'main.rs').click()
  await page.locator('.hljs-keyword', { hasText: 'fn' }).waitFor()

  assert.deepEqual(names, [
    ...['src', 'bad\ufffd', 'evil', 'invoice⟦U+202E⟧fdp.exe', 'link', 'new␊line', 'pic.png', 'raw.bin'],
  ])
  assert.equal(await page.locator('.numbers').innerText(), '1\n2\n3')
  assert.equal(await page.locator('.source').innerText(), 'fn main() {\n    println!("hello");\n}\n')
  assert.deepEqual(await page.locator('nav ol bdi').allInnerTexts(), ['workspace', 'link'])
  assertClean(page)
})

test('large directories and files come in pages', async () => {
  const many = Object.fromEntries(Array.from({ length: 1_100 }, (_, i) => [`many/f${i}`, '']))
  const { agentId } = await workspace({ ...many, 'big.txt': 'a line with ä\n'.repeat(100_000) })
  const page = await open(s, agentId, 'files')

  await file(page, 'big.txt').click()
  await page.getByText('1 MiB of 1.4 MiB').waitFor()
  await button(page, 'Load more').click()
  await button(page, 'Load more').waitFor({ state: 'detached' })
  await file(page, 'many').click()
  await button(page, 'Load more').click()
  await button(page, 'Load more').waitFor({ state: 'detached' })

  assert.equal(await page.locator('.file').count(), 1_100)
  assert.ok((await page.locator('.numbers').textContent()).endsWith('\n100000'))
  assertClean(page)
})

test('two who edit do not overwrite each other unless they say so', async () => {
  const { agentId, read } = await workspace({ 'dos.txt': 'one\r\ntwo\r\n' })
  const [a, b] = await Promise.all([open(s, agentId, 'files'), open(s, agentId, 'files')])
  for (const page of [a, b]) {
    await file(page, 'dos.txt').click()
    await button(page, 'Edit').click()
  }

  await a.locator('textarea').fill('one\ntwo\nthree\n')
  await a.keyboard.press('Control+s')
  await saved(a)
  assert.equal(read('dos.txt'), 'one\r\ntwo\r\nthree\r\n')
  await b.getByText('This file was changed elsewhere.').waitFor()
  await b.locator('textarea').fill('mine\n')
  await button(b, 'Save').click()
  await b.getByText('Somebody else has changed this file meanwhile.').waitFor()
  assert.equal(read('dos.txt'), 'one\r\ntwo\r\nthree\r\n')
  await button(b, 'Overwrite theirs').click()
  await saved(b)
  assert.equal(read('dos.txt'), 'mine\r\n')
  await a.getByText('This file was changed elsewhere.').waitFor()
  await button(a, 'Load it again').click()
  await a.locator('.source', { hasText: 'mine' }).waitFor()

  assertClean(a, b)
})

test('what is not saved is asked about, and kept while something else is looked at', async () => {
  const { agentId } = await workspace({ one: '1', two: '2' })
  const page = await open(s, agentId, 'files')
  await file(page, 'one').click()
  await button(page, 'Edit').click()
  await page.locator('textarea').fill('precious')

  await file(page, 'two').click()
  await button(page, 'Keep editing').click()
  await page.getByRole('link', { name: 'Stats' }).click()
  await page.locator('textarea').waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'Files' }).click()
  assert.equal(await page.locator('textarea').inputValue(), 'precious')
  await file(page, 'two').click()
  await button(page, 'Discard').click()
  await page.locator('.source', { hasText: '2' }).waitFor()

  assertClean(page)
})

test('files and directories are made, moved and deleted, and others see it', async () => {
  const { agentId, read } = await workspace({ there: 'x', 'old/in/it': 'y' })
  const [page, other] = await Promise.all([open(s, agentId, 'files'), open(s, agentId, 'files')])
  await Promise.all([page, other].map((page) => file(page, 'there').waitFor()))
  const name = page.getByLabel('Name', { exact: true })

  await button(page, 'New file').click()
  for (const [bad, why] of [['a/b', 'A name is not empty'], ['there', 'already']]) {
    await name.fill(bad)
    await button(page, 'Create').click()
    await page.getByRole('dialog').getByText(why).waitFor()
  }
  await name.fill('fresh.md')
  await button(page, 'Create').click()
  await page.getByText('This file is empty.').waitFor()
  await file(other, 'fresh.md').waitFor()
  await button(page, 'New directory').click()
  await name.fill('sub')
  await button(page, 'Create').click()
  await page.getByRole('button', { name: 'More for there' }).click()
  await button(page, 'Rename or move').click()
  await page.getByLabel('New path').fill('sub/here')
  await button(page, 'Move').click()
  await file(other, 'there').waitFor({ state: 'detached' })
  assert.equal(read('sub/here'), 'x')
  await page.getByRole('button', { name: 'More for old' }).click()
  await button(page, 'Delete').click()
  await page.getByText('with all that is in it').waitFor()
  await button(page, 'Delete').click()
  await file(other, 'old').waitFor({ state: 'detached' })

  assertClean(page, other)
})

test('upload and download, byte for byte', async () => {
  const { agentId, at, read } = await workspace({ there: 'old', large: Buffer.alloc(2_500_000, 'é\xff', 'latin1') })
  const page = await open(s, agentId, 'files')
  await file(page, 'there').waitFor()
  const upload = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer })

  await page
    .locator('input[type=file]')
    .setInputFiles([
      upload('up.bin', Buffer.from([0, 1, 255])),
      upload('there', Buffer.from('new')),
      upload('huge', Buffer.alloc((4 << 20) + 1)),
    ])
  await button(page, 'Replace').click()
  await page.getByText('huge is larger than 4 MiB').waitFor()
  await file(page, 'large').click()
  const downloading = page.waitForEvent('download')
  await button(page, 'Download').click()
  const got = readFileSync(await (await downloading).path())

  assert.deepEqual([...readFileSync(at('up.bin'))], [0, 1, 255])
  assert.equal(read('there'), 'new')
  assert.ok(got.equals(readFileSync(at('large'))))
  assertClean(page)
})

test('the connection comes back, and with it what changed meanwhile', async () => {
  const { agentId, at } = await workspace({ f: 'before' })
  const page = await open(s, agentId, 'files')
  await file(page, 'f').click()
  await page.locator('.source', { hasText: 'before' }).waitFor()

  writeFileSync(at('f'), 'after it')
  writeFileSync(at('g'), '')
  s.proxy.cut()
  await page.getByText('This file was changed elsewhere.').waitFor()
  await file(page, 'g').waitFor()

  assertClean(page)
})

test('an agent without a place says so', async () => {
  const page = await open(s, s.server.agent('echo'), 'files')
  await page.getByText('no place of its own').waitFor()
  await eventually(() => assertClean(page))
})
