// asyncapi.yaml: its messages by namespace, and a validator for each.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import Ajv2020 from 'ajv/dist/2020.js'
import { parse } from 'yaml'

/** Where each process of the suite leaves which messages it has seen. */
export const SEEN = fileURLToPath(new URL('../../../target/contract-seen', import.meta.url))

const document = parse(readFileSync(new URL('../../../asyncapi.yaml', import.meta.url), 'utf8'))

const ajv = new Ajv2020({
  strict: false,
  allErrors: false,
  formats: {
    'date-time': (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text)),
    int32: { type: 'number', validate: Number.isSafeInteger },
    int64: { type: 'number', validate: Number.isSafeInteger },
    double: true,
  },
})
ajv.addSchema({ channels: document.channels, components: document.components }, 'asyncapi')

/** Compiles the schema at a JSON pointer, once. */
function validator(pointer) {
  return ajv.getSchema(`asyncapi#${pointer}`) ?? ajv.compile({ $ref: `asyncapi#${pointer}` })
}

function message(namespace, key, { name, tags, headers }) {
  const pointer = `/channels/${namespace}/messages/${key}`
  const checks = {}
  const check = (part) => (value) => {
    checks[part] ??= validator(`${pointer}/${part}`)
    return checks[part](value) ? undefined : ajv.errorsText(checks[part].errors)
  }
  return {
    id: `${namespace}.${key}`,
    key,
    name,
    tags: tags.map((tag) => tag.name),
    /** What is wrong with it; nothing if it is right. */
    payload: check('payload'),
    headers: headers && check('headers'),
  }
}

/** All messages: `clients` and `agents`, each a map from key to message. */
export const messages = Object.fromEntries(
  Object.entries(document.channels).map(([namespace, channel]) => [
    namespace,
    new Map(Object.entries(channel.messages).map(([key, each]) => [key, message(namespace, key, each)])),
  ]),
)
