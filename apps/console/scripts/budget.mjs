// What a browser has to get before the console is there: index.html, what it names, and what those chunks import at once. Fails the
// build when that is more than the budget, compressed as a server sends it. What is loaded later is not counted.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** Bytes, compressed. */
const MOST = 200 * 1024

const dist = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url)))

/** Scripts and style sheets that a page names, as paths below `dist`. */
function named(html) {
  return [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(([, file]) => file)
}

/** Chunks that a chunk imports at once. An `import(…)` is for later. */
function imported(chunk, code) {
  const names = [...code.matchAll(/(?:\bfrom|\bimport)\s*(["'])(\.[^"']+\.js)\1/g)].map(([, , name]) => name)
  return names.map((name) => path.posix.join(path.posix.dirname(chunk), name))
}

/** The initial files, in the order in which they are found, with their compressed sizes. */
function initial() {
  const sizes = new Map()
  const wanted = ['index.html']
  for (const file of wanted) {
    if (sizes.has(file)) continue
    const place = path.join(dist, file)
    if (!existsSync(place)) throw new Error(`${file} is needed, and is not in ${dist}`)
    const content = readFileSync(place)
    sizes.set(file, gzipSync(content).length)
    if (file.endsWith('.html')) wanted.push(...named(content.toString()))
    if (file.endsWith('.js')) wanted.push(...imported(file, content.toString()))
  }
  return sizes
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`

const sizes = initial()
const chunks = [...sizes.keys()].filter((file) => file.endsWith('.js'))
if (chunks.length === 0) throw new Error('index.html names no script: nothing was measured')
const all = [...sizes.values()].reduce((sum, size) => sum + size, 0)
for (const [file, size] of sizes) console.log(`${kib(size).padStart(10)}  ${file}`)
console.log(`${kib(all).padStart(10)}  in all, of ${kib(MOST)}`)
if (all > MOST) {
  console.error('The console is too large: load what is heavy or seldom by import().')
  process.exitCode = 1
}
