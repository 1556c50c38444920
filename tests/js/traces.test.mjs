// Traces by OTLP: one trace over both tiers, and a collector that is away or slow holds up nothing.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { text } from 'node:stream/consumers'

import { Page } from './lib/metrics.mjs'
import { eventually, up } from './lib/server.mjs'
import { Scene, converse } from './lib/scene.mjs'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

/** A collector that keeps what it is told; `answer` may do something else. */
async function collector(answer = (response) => response.end('{}')) {
  const spans = []
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request))
    server.seen = { url: request.url, headers: request.headers, resource: body.resourceSpans[0].resource }
    spans.push(...body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)))
    answer(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => (server.closeAllConnections(), server.close()))
  return { spans, server, url: `http://127.0.0.1:${server.address().port}` }
}

const attribute = (span, key) => span.attributes.find((found) => found.key === `longshore.${key}`)?.value.stringValue

test('a message is one trace, from whoever asked through both tiers to the end of its run', async () => {
  const { spans, server: seen, url } = await collector()
  const env = { OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret%21', OTEL_SERVICE_NAME: 'relay' }
  const server = await up({ args: [`--otlp-endpoint=${url}`], env })
  const scene = new Scene(server)
  const agentId = await scene.agent()
  const v = await scene.viewer()
  await v.join(agentId)
  const payload = { agentId, message: 'hi' }

  const { data } = await v.call('forward', {
    event: 'chat', agentId, payload, correlationId: 'c-1', traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
  })
  await v.ended(data.runId)
  const found = await eventually(() => {
    const all = spans.filter((span) => span.traceId === TRACE)
    assert.equal(all.length, 4)
    return all
  })
  await server.stop()

  const named = (name, tier) => found.find((span) => span.name === name && attribute(span, 'tier') === tier)
  const [command, hop, taken, run] = [
    named('chat', 'controller'), named('forward', 'controller'), named('chat', 'manager'), named('run', 'manager'),
  ]
  assert.equal(command.parentSpanId, 'b7ad6b7169203331')
  assert.deepEqual([hop.parentSpanId, taken.parentSpanId, run.parentSpanId], [command.spanId, hop.spanId, taken.spanId])
  assert.deepEqual([attribute(run, 'run'), attribute(run, 'outcome'), attribute(run, 'correlation')], [data.runId, 'done', 'c-1'])
  assert.deepEqual(run.events.map((event) => event.name), ['started', 'first output'])
  for (const span of found) assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano))
  assert.equal(seen.seen.url, '/v1/traces')
  assert.equal(seen.seen.headers['x-key'], 'secret!')
  const service = seen.seen.resource.attributes.find((found) => found.key === 'service.name')
  assert.equal(service.value.stringValue, 'relay')
  assert.equal(JSON.stringify(spans).includes('"hi"'), false)
  const rest = spans.find((span) => span.name === 'POST /api/clients/{client}/agents')
  assert.ok(spans.some((span) => span.name === 'createAgent' && span.traceId === rest.traceId))
})

test('what is finished at the end is told before the process ends', async () => {
  const { spans, url } = await collector()
  const server = await up({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } })
  const scene = new Scene(server)
  const { agentId, conversationId, viewers: [v] } = await scene.room(1)
  await converse(v, agentId, conversationId, 'hi')
  assert.equal((await server.stop()).code, 0)

  assert.ok(spans.some((span) => span.name === 'run'))
})

test('a collector that is away, or never answers, holds up nothing', async () => {
  const silent = await collector(() => {})
  for (const url of ['http://127.0.0.1:9', silent.url]) {
    const server = await up({ args: [`--otlp-endpoint=${url}`, '--metrics-public'] })
    const scene = new Scene(server)
    const { agentId, conversationId, viewers: [v] } = await scene.room(1)

    for (let nth = 0; nth < 5; nth += 1) assert.equal((await converse(v, agentId, conversationId, 'hi')).end.state, 'done')
    await eventually(async () => {
      const page = await Page.of(server.controller)
      assert.ok(page.sum('longshore_spans_failed_total') > 0)
    })
    assert.equal((await server.stop()).code, 0)
  }
})
