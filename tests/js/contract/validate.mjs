// asyncapi.yaml under the official parser, and the golden files under the schemas that it has.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'

import { DiagnosticSeverity, Parser } from '@asyncapi/parser'
import { Ajv } from 'ajv'

const top = new URL('../../../', import.meta.url)
const { document, diagnostics } = await new Parser().parse(readFileSync(new URL('asyncapi.yaml', top), 'utf8'))

// The parser does not compare examples with schemas; this does. Formats are for readers.
const ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': true, int64: true } })
const namespaces = ['clients', 'agents']

function golden(namespace) {
  const directory = new URL(`libs/protocol/golden/${namespace}/`, top)
  return readdirSync(directory).map((file) => ({
    key: file.replace(/\.json$/, ''),
    ...JSON.parse(readFileSync(new URL(file, directory), 'utf8')),
  }))
}

function check(message, samples) {
  const validate = ajv.compile(message.payload().json())
  for (const { name, json } of samples) {
    assert.ok(validate(json), `${message.id()}, ${name}: ${ajv.errorsText(validate.errors)}`)
  }
  // Read from YAML and from JSON, they are the same values.
  const examples = message.examples().all().map((example) => ({ name: example.summary(), json: example.payload() }))
  assert.deepEqual(examples, samples)
}

test('the document is valid, without warnings', () => {
  const told = diagnostics.filter(({ severity }) => severity <= DiagnosticSeverity.Warning)

  assert.deepEqual(told, [])
  assert.equal(document.version(), '3.0.0')
})

for (const namespace of namespaces) {
  test(`the messages of /${namespace} are its golden files, and fit their schemas`, () => {
    const messages = document.channels().get(namespace).messages()
    const files = golden(namespace)

    for (const { key, payloads, acknowledgements } of files) {
      check(messages.get(key), payloads)
      if (acknowledgements) check(messages.get(`${key}Acknowledgement`), acknowledgements)
    }
    const documented = files.flatMap(({ key, acknowledgements }) =>
      acknowledgements ? [key, `${key}Acknowledgement`] : [key],
    )
    assert.deepEqual(messages.all().map((message) => message.id()).sort(), documented.sort())
  })
}

test('every command is received and has a reply, every event is sent and has none', () => {
  for (const operation of document.operations().all()) {
    const command = operation.tags().has('command')
    assert.equal(operation.action(), command ? 'receive' : 'send', operation.id())
    assert.equal(operation.reply() !== undefined, command, operation.id())
  }
})

test('a schema refuses what is no such message', () => {
  const schema = (namespace, key) => ajv.compile(document.channels().get(namespace).messages().get(key).payload().json())

  assert.ok(!schema('clients', 'setClient')({}))
  assert.ok(!schema('clients', 'setClient')({ clientId: 'a b' }))
  assert.ok(!schema('clients', 'forward')({ event: 'deleteAgent', payload: { agentId: 'a' } }))
  assert.ok(!schema('agents', 'chat')({ message: '' }))
  assert.ok(!schema('agents', 'chatMessage')({ from: 'nobody' }))
  assert.ok(!schema('agents', 'chatAcknowledgement')({ success: true, error: { code: 'INTERNAL', message: '' } }))
})
