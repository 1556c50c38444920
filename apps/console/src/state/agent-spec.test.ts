import { expect, test } from 'vitest'

import type { AgentSpec } from '../protocol'
import { emptyForm, formOf, moved, type AgentForm } from './agent-form'
import { fieldOf, isVariable, problemsOf, secretsOf, specOf } from './agent-spec'

function form(change: Partial<AgentForm>): AgentForm {
  return { ...emptyForm(), name: 'a', command: 'cat', ...change }
}

test.each<AgentSpec>([
  { name: 'echo', codec: { type: 'echo' } },
  {
    name: 'claude',
    codec: { type: 'claude' },
    host: { type: 'process', command: 'claude', args: ['--model', 'a b'], env: { A: 'b' }, cwd: '/srv/x' },
    parallel: 2,
    approvals: { policy: 'allowRead', timeoutSecs: 60 },
    silenceSecs: 0,
    retention: { maxAgeDays: 90 },
    commands: ['refresh', 'stop'],
    filters: [{ name: 'cards', pattern: '\\d{16}', action: 'drop' }],
  },
  {
    name: 'python',
    codec: { type: 'lines', sentinel: '^>>> $', greetingMs: 10_000 },
    host: {
      type: 'process',
      command: 'sh',
      args: ['-c', `exec python3 -i -u -q "$@" 2>&1`, 'python3'],
      env: {},
    },
  },
  {
    name: 'calc',
    codec: { type: 'lines', oneLine: true, control: false, emptyMs: 100 },
    host: { type: 'process', command: 'bc', args: [], env: {} },
  },
  {
    name: 'box',
    codec: { type: 'codex', sandbox: 'dangerFullAccess' },
    host: {
      type: 'docker',
      image: 'node:22',
      command: ['codex'],
      env: { HOME: '/workspace' },
      mounts: [{ source: '/srv/a', target: '/a', readOnly: true }],
      network: 'none',
      user: '1000:1000',
      memoryMib: 512,
      cpuMillis: 1_500,
      pids: 64,
      readOnly: true,
      tmpfs: ['/tmp'],
      capabilities: ['NET_RAW'],
      workdir: '/a',
    },
  },
  { name: 'there', codec: { type: 'acp' }, host: { type: 'docker', container: 'my-agent' } },
  {
    name: 'once',
    codec: { type: 'oneshot', format: 'gemini', resume: ['--resume', '{session}'] },
    host: { type: 'process', command: 'gemini', args: ['--x'], env: {} },
  },
  {
    name: 'mine',
    codec: { type: 'oneshot', rules: [{ when: { '/type': 'end' }, then: [{ type: 'done' }] }] },
    host: { type: 'process', command: 'mine', args: [], env: {} },
  },
])('an agent becomes a form and the same agent again: $name', (spec) => {
  const filled = formOf(spec)

  expect(problemsOf(filled)).toEqual({})
  expect(specOf(filled)).toEqual(spec)
})

test('what is the default is not said', () => {
  expect(specOf(form({ name: ' a ', command: " bash -c 'x y' " }))).toEqual({
    name: 'a',
    codec: { type: 'lines' },
    host: { type: 'process', command: 'bash', args: ['-c', 'x y'], env: {} },
  })
})

test('secret variables are no part of the agent', () => {
  const environment = [
    { name: 'KEY', value: 's', isSecret: true },
    { name: 'LANG', value: 'C', isSecret: false },
    { name: '', value: '', isSecret: true },
  ]
  const filled = form({ environment })

  expect(specOf(filled).host).toMatchObject({ env: { LANG: 'C' } })
  expect(secretsOf(filled)).toEqual({ KEY: 's' })
  expect(secretsOf({ ...filled, place: 'container' })).toEqual({})
})

test('what is missing or makes no sense is said', () => {
  expect(problemsOf(form({ name: ' ', command: '' }))).toEqual({
    name: { kind: 'missing' },
    command: { kind: 'missing' },
  })
  expect(problemsOf(form({ command: `sh -c 'x` })).command).toEqual({ kind: 'openQuote' })
  expect(problemsOf(form({ turnEnd: 'sentinel' })).sentinel).toEqual({ kind: 'missing' })
  expect(problemsOf(form({ codec: 'oneshot', format: 'rules', rules: '{}' })).rules).toEqual({
    kind: 'rules',
  })
  expect(problemsOf(form({ parallel: '65' })).parallel).toEqual({ kind: 'number', least: 1, most: 64 })
  expect(problemsOf(form({ approvalSecs: '1.5' })).approvalSecs).toMatchObject({ kind: 'number' })
  expect(problemsOf(form({ environment: [{ name: 'A=B', value: '', isSecret: true }] })).environment).toEqual(
    {
      kind: 'variable',
    },
  )
  const image = form({ place: 'image', image: '', processors: '0', mounts: [{ source: 'a', target: '/a' }] })
  expect(problemsOf(image)).toMatchObject({
    image: { kind: 'missing' },
    processors: { kind: 'number' },
    mounts: { kind: 'mount' },
  })
})

test('what does not count is neither complained about nor sent', () => {
  const left = form({
    place: 'container',
    container: 'c',
    command: `'`,
    memoryMib: 'x',
    sentinel: '',
    quietMs: '7',
  })

  expect(problemsOf(left)).toEqual({})
  expect(specOf({ ...left, codec: 'acp' })).toEqual({
    name: 'a',
    codec: { type: 'acp' },
    host: { type: 'docker', container: 'c' },
  })
})

test('fractions of processors are taken with a point or a comma', () => {
  for (const processors of ['0.5', '0,5']) {
    const filled = form({ place: 'image', image: 'x', processors })
    expect(problemsOf(filled)).toEqual({})
    expect(specOf(filled).host).toMatchObject({ cpuMillis: 500 })
  }
})

test('a program in a container is at home in its own directory, unless somebody says otherwise', () => {
  const inside = moved(form({}), 'image')
  const elsewhere = form({ environment: [{ name: 'HOME', value: '/root', isSecret: false }] })

  expect(inside.environment).toEqual([{ name: 'HOME', value: '/workspace', isSecret: false }])
  expect(moved(inside, 'image')).toEqual(inside)
  expect(moved(inside, 'process')).toEqual(form({}))
  expect(moved(moved(elsewhere, 'image'), 'process')).toEqual(elsewhere)
})

test('names of variables', () => {
  expect(['A', 'a b', 'ä'].every(isVariable)).toBe(true)
  expect(['', 'A=', 'a\0', 'x'.repeat(129)].some(isVariable)).toBe(false)
})

test('the manager’s words stand at the field that they are about', () => {
  const image = form({ place: 'image', image: 'A' })
  const at = (message: string, code = 'INVALID_PAYLOAD', of = image) => fieldOf({ code, message }, of)

  expect(at('There is an agent of this name', 'NAME_TAKEN')).toBe('name')
  expect(at('container: image "A" is not the name of an image')).toBe('image')
  expect(at('container: memoryMib is 6 to 16777216')).toBe('memoryMib')
  expect(at('container: "/a" is mounted twice')).toBe('mounts')
  expect(at('working directory /x is not allowed', 'INVALID_PAYLOAD', form({}))).toBe('directory')
  expect(at('mount /x: the manager does not allow it')).toBe('mounts')
  expect(at('container: image "A" is not the name of an image', 'INVALID_PAYLOAD', form({}))).toBe('general')
  expect(at('anything else')).toBe('general')
})
