// One person and one agent: what it writes, what it did, and what one can do meanwhile.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { script } from '../js/lib/server.mjs'
import { Desk, counted, holds } from './lib/page.mjs'
import { acp, conversation, messages, room } from './lib/room.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** A person in a new conversation with such an agent. */
async function sit(t, spec, options) {
  const place = await room(scene, spec)
  const desk = await Desk.open(t, scene.server, options)
  await desk.visit(...place.at)
  return { desk, page: desk.page, place }
}

const button = (desk, name) => desk.page.getByRole('button', { name, exact: true })

test('an answer is seen growing before it ends', async (t) => {
  const { desk } = await sit(t, acp())
  const writing = desk.log.locator('article.writing')

  await desk.say('slow')
  await writing.getByText('tick 2 ').waitFor()
  await writing.getByText('tick 9 ').waitFor()
  assert.match(await writing.innerText(), /tick 1 tick 2 .* tick 8 /s)
  await button(desk, 'Stop').click()

  await desk.log.getByText('Cancelled: stopped by somebody').waitFor()
  await counted(writing, 0)
  await desk.answered('tick 1 tick 2').waitFor()
})

test('thinking, a plan, a tool and what it cost: folded with a summary, unfolded on demand', async (t) => {
  const { desk, page } = await sit(t, {})

  await desk.say('/tool')
  const folds = desk.log.locator('details')
  const tool = folds.filter({ hasText: 'done' })
  await tool.waitFor()
  const thinking = folds.filter({ hasText: 'Thinking' })
  assert.equal(await tool.evaluate((e) => e.open), false)
  assert.equal(await tool.getByText('Output').count(), 0)
  assert.match(await tool.locator('summary').innerText(), /\S+\s+\S.*done/s)
  await tool.locator('summary').click()
  await tool.getByRole('heading', { name: 'Output' }).waitFor()
  await tool.locator('summary').click()
  await counted(tool.getByRole('heading', { name: 'Output' }), 0)
  await thinking.locator('summary').focus()
  await page.keyboard.press('Enter')
  await thinking.locator('.inside').waitFor()
  await desk.log.getByRole('heading', { name: 'Plan' }).waitFor()
  await desk.log.getByText(/\d+ tokens?/).waitFor()
})

test('a tool of a real protocol: its command is the summary, its output is inside', async (t) => {
  const { desk } = await sit(t, acp())

  await desk.say('tool')
  const tool = desk.log.locator('details').filter({ hasText: 'done' })
  await tool.waitFor()
  assert.match(await tool.locator('summary').innerText(), /ls/)
  await tool.locator('summary').click()
  await tool.getByText('README.md').waitFor()
  await desk.answered('I listed the files.').waitFor()
})

test('a failure says why, and is asked again', async (t) => {
  const { desk, place } = await sit(t, acp())
  await desk.say('error the model is overloaded')

  const failed = desk.log.getByRole('note')
  await failed.getByText('Failed: the agent says that it failed').waitFor()
  await failed.getByText(/the model is overloaded/).waitFor()
  await failed.getByRole('button', { name: 'Ask again' }).click()

  await counted(desk.log.getByText('Failed: the agent says that it failed'), 2)
  await counted(desk.said('error the model is overloaded'), 2)
  assert.equal((await messages(place)).length, 2)
})

test('a program that ends in the middle of its turn', async (t) => {
  const { desk } = await sit(t, script('short-lived', 'read x; exit 3'))
  await desk.say('hello')
  await desk.log.getByText('Failed: the program ended in the middle of its turn').waitFor()
})

test('Markdown is shown as such, code can be copied', async (t) => {
  const { desk, page } = await sit(t, {}, { permissions: ['clipboard-read', 'clipboard-write'] })
  await desk.composer.fill('# A title\n\n**bold** and [a link](https://example.org/x)\n\n```js\nconst one = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two')
  await desk.composer.press('Enter')

  const answer = desk.answered('A title')
  await answer.getByRole('heading', { name: 'A title' }).waitFor()
  const link = answer.getByRole('link', { name: 'a link' })
  assert.deepEqual([await link.getAttribute('target'), await link.getAttribute('rel')], ['_blank', 'noopener noreferrer nofollow'])
  await counted(answer.getByRole('listitem'), 2)
  await answer.getByRole('cell', { name: '2' }).waitFor()
  await answer.locator('pre .hljs-keyword').waitFor()
  await answer.locator('.copy').click()
  await answer.getByText('Copied').waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'const one = 1')
})

test('what waits is seen, let to the front, taken out; the rest is stopped at once', async (t) => {
  const { desk, place } = await sit(t, acp())
  await desk.say('slow')
  await desk.log.locator('article.writing').waitFor()
  for (const text of ['one', 'two', 'three']) await desk.say(`say ${text}`)
  const queue = desk.page.locator('.waiting details')
  await queue.getByText('3 messages wait').click()
  const texts = async () => (await queue.getByRole('listitem').allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim())
  await holds(async () => assert.deepEqual(await texts(), ['you: say one', 'you: say two', 'you: say three']))
  await desk.said('say two').getByRole('img', { name: /stored, waits/ }).waitFor()

  await queue.getByRole('listitem').filter({ hasText: 'three' }).getByRole('button', { name: 'Let it be the next' }).click()
  await holds(async () => assert.deepEqual(await texts(), ['you: say three', 'you: say one', 'you: say two']))
  await queue.getByRole('listitem').filter({ hasText: 'one' }).getByRole('button', { name: 'Cancel this message' }).click()
  await holds(async () => assert.deepEqual(await texts(), ['you: say three', 'you: say two']))
  await button(desk, 'Stop').click()
  await desk.answered('three').waitFor()
  await desk.answered('two').waitFor()
  assert.deepEqual((await messages(place)).filter((m) => m.startsWith('agent: t') && !m.includes('tick')), ['agent: three', 'agent: two'])

  await desk.say('slow')
  await desk.log.locator('article.writing').waitFor()
  await desk.say('say never')
  await queue.waitFor()
  await button(desk, 'Stop all').click()
  await counted(desk.page.locator('.waiting'), 0)
  await counted(desk.answered('never'), 0)
})

test('interrupt: the message takes the place of what runs', async (t) => {
  const { desk } = await sit(t, acp())
  await desk.say('slow')
  await desk.log.locator('article.writing').waitFor()

  await desk.composer.fill('say instead')
  await button(desk, 'Interrupt and send').click()

  await desk.log.getByText('Cancelled: another message took its place').waitFor()
  await desk.answered('instead').waitFor()
})

test('reload in mid-run: the text goes on, nothing is there twice', async (t) => {
  const { desk, page, place } = await sit(t, acp())
  const writing = desk.log.locator('article.writing')
  await desk.say('say before')
  await desk.answered('before').waitFor()
  await desk.say('slow')
  await writing.getByText('tick 5 ').waitFor()

  await page.reload()
  await writing.getByText('tick 15 ').waitFor()
  assert.match(await writing.innerText(), /tick 1 tick 2 tick 3 .* tick 14 /s)
  await page.reload()
  await writing.getByText('tick 20 ').waitFor()
  await button(desk, 'Stop').click()
  await desk.log.getByText('Cancelled').waitFor()

  await counted(writing, 0)
  const shown = await desk.log.locator('article').evaluateAll((all) => all.map((row) => row.className.split(' ')[0]))
  assert.deepEqual(shown, ['user', 'agent', 'user', 'agent'])
  const answer = (await messages(place)).at(-1).slice('agent: '.length).trim()
  assert.equal((await desk.log.locator('article.agent .markdown').last().innerText()).trim(), answer)
  assert.equal(new Set(answer.split(/(?<=\d) /)).size, answer.split(/(?<=\d) /).length)
})

test('a draft is kept for each conversation, and over a reload', async (t) => {
  const { desk, page, place } = await sit(t, {})
  const other = await conversation(place.v, place.agentId, 'other')
  const go = (name) => desk.sidebar.getByRole('link', { name }).click()
  const draft = (text) => holds(async () => assert.equal(await desk.composer.inputValue(), text))

  await desk.composer.fill('half\na thought')
  await go('other')
  await page.waitForURL(`**/${other.conversationId}`)
  await draft('')
  await desk.composer.fill('another')
  await go('talk')
  await draft('half\na thought')
  await page.reload()
  await desk.ready()
  await draft('half\na thought')
  await go('other')
  await draft('another')
  await desk.composer.press('Enter')
  await desk.answered('another').waitFor()
  await page.reload()
  await desk.ready()
  await draft('')
})

test('several lines; ↑ brings back what one wrote, ↓ what one was writing', async (t) => {
  const { desk, page } = await sit(t, {})
  const draft = (text) => holds(async () => assert.equal(await desk.composer.inputValue(), text))

  await desk.composer.pressSequentially('first')
  await desk.composer.press('Shift+Enter')
  await desk.composer.pressSequentially('line two')
  await desk.composer.press('Enter')
  await desk.said('first\nline two').waitFor()
  await desk.say('second')
  await desk.answered('second').waitFor()

  await page.keyboard.press('ArrowUp')
  await draft('second')
  await page.keyboard.press('ArrowUp')
  await draft('first\nline two')
  await page.keyboard.press('ArrowUp')
  await draft('first\nline two')
  await page.keyboard.press('ArrowDown')
  await draft('second')
  await page.keyboard.press('ArrowDown')
  await draft('')
})

test('300 KiB are pasted, sent and answered; more than 1 MiB is refused in words, and stays', async (t) => {
  const { desk, page, place } = await sit(t, {}, { permissions: ['clipboard-read', 'clipboard-write'] })
  const long = 'a long line of text, with ü\n'.repeat(10_600)
  await page.evaluate((text) => navigator.clipboard.writeText(text), long)
  await desk.composer.focus()
  await page.keyboard.press('Control+v')
  await desk.see(/[\d,.]+ characters$/)
  await page.keyboard.press('Enter')
  await desk.log.locator('article.agent').getByRole('button', { name: /Show all [\d,]+ characters/ }).click()
  const shown = await messages(place)
  assert.equal(shown[0], `you: ${long}`)

  await desk.composer.fill('ü'.repeat(524_289))
  await page.keyboard.press('Enter')
  await desk.see('A message has at most 1 MiB.')
  assert.equal((await desk.composer.inputValue()).length, 524_289)
  await desk.composer.fill('ü'.repeat(524_288))
  await page.keyboard.press('Enter')
  await holds(async () => assert.equal((await messages(place)).length, 4))
  assert.equal(await desk.composer.inputValue(), '')
})
