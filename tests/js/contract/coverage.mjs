// After the suite: every message of asyncapi.yaml has been seen, or is listed here with the reason why not.

import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

import { SEEN, messages } from '../lib/document.mjs'

/** Messages that no test exercises, with the reason. One that was seen all the same has no place here. */
const NOT_EXERCISED = {}

const seen = new Set(readdirSync(SEEN).flatMap((file) => JSON.parse(readFileSync(path.join(SEEN, file), 'utf8'))))
const documented = Object.values(messages).flatMap((each) => [...each.values()].map((message) => message.id))

const missing = documented.filter((id) => !seen.has(id) && !(id in NOT_EXERCISED))
const stale = Object.keys(NOT_EXERCISED).filter((id) => seen.has(id) || !documented.includes(id))

for (const [id, reason] of Object.entries(NOT_EXERCISED)) console.log(`not exercised: ${id}, because ${reason}`)
for (const id of missing) console.error(`never seen: ${id}`)
for (const id of stale) console.error(`listed as not exercised, but seen or unknown: ${id}`)
console.log(`${documented.length} messages, ${documented.length - missing.length} seen or excused`)
if (missing.length || stale.length) process.exitCode = 1
