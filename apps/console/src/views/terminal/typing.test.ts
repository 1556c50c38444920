import { describe, expect, test, vi } from 'vitest'

import { Failure } from '../../net/failure'
import { head, MOST_BYTES, Typing } from './typing'

const size = (text: string): number => new TextEncoder().encode(text).length

describe('head', () => {
  test('a short text is whole', () => expect(head('ls\r', MOST_BYTES)).toBe('ls\r'))

  test('no character is cut', () => {
    expect(head('ää', 3)).toBe('ä')
    expect(head('x😀', 4)).toBe('x')
    expect(head('漢漢', 6)).toBe('漢漢')
  })

  test('what fits exactly is whole', () => {
    const text = 'x'.repeat(MOST_BYTES)
    expect(head(text, MOST_BYTES)).toBe(text)
    expect(head(`${text}y`, MOST_BYTES)).toBe(text)
  })
})

/** A terminal that takes what it is sent, and refuses as `answers` says. */
function terminal(answers: Array<Failure | undefined> = []) {
  const sent: string[] = []
  const refused = vi.fn()
  const waited: number[] = []
  const send = async (data: string): Promise<void> => {
    const failure = answers.shift()
    if (failure) throw failure
    sent.push(data)
  }
  const wait = async (ms: number): Promise<void> => void waited.push(ms)
  return { sent, refused, waited, typing: new Typing({ send, refused, wait }) }
}

const limited = new Failure('RATE_LIMITED', 'The terminal takes no more input for now', { retryAfterMs: 50 })

describe('Typing', () => {
  test('everything in order, in inputs of 64 KiB at most', async () => {
    const { typing, sent } = terminal()
    const paste = 'ä'.repeat(MOST_BYTES)
    typing.type(paste)
    typing.type('end')
    await vi.waitFor(() => expect(sent.join('')).toBe(`${paste}end`))
    expect(sent.every((data) => size(data) <= MOST_BYTES)).toBe(true)
    expect(sent).toHaveLength(3)
  })

  test('what is refused for a while comes again, before what is next', async () => {
    const { typing, sent, refused, waited } = terminal([undefined, limited, limited])
    typing.type('a')
    typing.type('b')
    await vi.waitFor(() => expect(sent).toEqual(['a', 'b']))
    expect(waited).toEqual([50, 50])
    expect(refused).not.toHaveBeenCalled()
  })

  test('a refusal is said once, and what waits behind it is not typed', async () => {
    const { typing, sent, refused } = terminal([new Failure('FORBIDDEN', 'You may only look')])
    typing.type('a')
    typing.type('b')
    await vi.waitFor(() => expect(refused).toHaveBeenCalledWith('You may only look'))
    typing.type('c')
    await vi.waitFor(() => expect(sent).toEqual(['c']))
    expect(refused).toHaveBeenCalledTimes(1)
  })

  test('what was dropped while it waited is not sent', async () => {
    const { typing, sent } = terminal([limited])
    typing.type('a')
    typing.drop()
    typing.type('b')
    await vi.waitFor(() => expect(sent).toEqual(['b']))
  })

  test('it keeps no more than 4 Mi', () => {
    const { typing } = terminal()
    expect(typing.type('x'.repeat(4 * 1024 * 1024 + 1))).toBe(false)
  })
})
