import { expect, test } from 'vitest'

import { bytes, duration } from './units'

test('bytes', () => {
  expect([0, 999, 1_536, 15 * 1_024, 300 * 1_024 ** 2, 0.5 * 1_024 ** 5].map(bytes)).toEqual([
    '0 B',
    '999 B',
    `${(1.5).toLocaleString()} KiB`,
    '15 KiB',
    '300 MiB',
    '512 TiB',
  ])
})

test('bytes that are nearly one of the next unit', () => {
  expect([1_023, 1_024, 10 * 1_024 - 1, 1_048_575].map(bytes)).toEqual([
    `${(1_023).toLocaleString()} B`,
    '1 KiB',
    '10 KiB',
    '1 MiB',
  ])
})

test('times', () => {
  expect([-1, 59.9, 60, 3_660, 90_000, 200_000].map(duration)).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '1 h 1 min',
    '1 day 1 h',
    '2 days 7 h',
  ])
})
