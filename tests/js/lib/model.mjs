// A stand-in for the model behind Gemini CLI: its HTTP interface, answers by what was said last.

import { createServer } from 'node:http'
import { after } from 'node:test'

const usage = { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 }
const candidate = (parts, finishReason) => ({ candidates: [{ content: { role: 'model', parts }, index: 0, finishReason }], usageMetadata: usage })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const running = new Set()
after(() => {
  for (const server of running) {
    server.closeAllConnections()
    server.close()
  }
})

/** Pieces of the answer to what was said last. */
async function* answer(contents) {
  const parts = contents.at(-1)?.parts ?? []
  const text = parts.map((part) => part.text ?? '').join(' ')
  if (parts.some((part) => part.functionResponse)) yield [{ text: 'It is done.' }]
  else if (/\bcount slowly\b/.test(text)) for (let n = 0; n < 600; n += 1) yield pause(50).then(() => [{ text: `${n} ` }])
  else if (/\bmake a file\b/.test(text)) yield [{ functionCall: { name: 'run_shell_command', args: { command: 'echo made > made.txt' } } }]
  else yield* [[{ text: 'Hello ' }], [{ text: 'from a model' }]]
}

/** Starts it; gives its URL. */
export async function model() {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { contents = [] } = JSON.parse(body || '{}')
    if (!request.url.includes('streamGenerateContent')) {
      // Which model to take, and how many tokens something has.
      response.writeHead(200, { 'content-type': 'application/json' })
      const choice = { reasoning: 'x', model_choice: 'flash', complexity_reasoning: 'x', complexity_score: 1 }
      return response.end(JSON.stringify({ totalTokens: 5, ...candidate([{ text: JSON.stringify(choice) }], 'STOP') }))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const say = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`)
    for await (const parts of answer(contents)) {
      if (response.destroyed) return
      say(candidate(parts))
    }
    say(candidate([{ text: '' }], 'STOP'))
    response.end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  running.add(server)
  return `http://127.0.0.1:${server.address().port}`
}
