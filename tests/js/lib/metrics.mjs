// What a server tells a Prometheus server. tests/python has a real parser; here a line is a name, labels and a value.

import assert from 'node:assert/strict'

export class Page {
  constructor(text) {
    this.text = text
    this.samples = text
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => {
        const [, name, labels, value] = line.match(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/) ?? assert.fail(line)
        const pairs = [...(labels ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)]
        return { name, labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])), value: Number(value) }
      })
  }

  static async of(url, token) {
    const answer = await fetch(`${url}/metrics`, { headers: token ? { authorization: `Bearer ${token}` } : {} })
    assert.equal(answer.status, 200)
    return new Page(await answer.text())
  }

  get names() {
    return new Set(this.samples.map((sample) => sample.name))
  }

  /** The sum of all that have these labels. */
  sum(name, labels = {}) {
    const has = (sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
    const found = this.samples.filter((sample) => sample.name === name && has(sample))
    return found.reduce((sum, { value }) => sum + value, 0)
  }

  /** Each histogram's buckets grow, and the last one is its count. */
  checkHistograms() {
    const groups = new Map()
    for (const { name, labels, value } of this.samples.filter((sample) => sample.name.endsWith('_bucket'))) {
      const { le, ...rest } = labels
      const key = JSON.stringify([name.slice(0, -'_bucket'.length), rest])
      groups.set(key, [...(groups.get(key) ?? []), [le, value]])
    }
    assert.ok(groups.size > 3)
    for (const [key, buckets] of groups) {
      const [name, labels] = JSON.parse(key)
      buckets.reduce((before, [, value]) => (assert.ok(value >= before, key), value), 0)
      assert.equal(buckets.at(-1)[0], '+Inf')
      assert.equal(buckets.at(-1)[1], this.sum(`${name}_count`, labels), key)
    }
  }
}
