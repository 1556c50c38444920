import { expect, test } from 'vitest'

import { enter, isPressed, labels } from './keys'

const nothing = { key: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false }

test('a shortcut is its keys and no others', () => {
  expect(isPressed('palette', { ...nothing, key: 'k', ctrlKey: true })).toBe(true)
  expect(isPressed('palette', { ...nothing, key: 'K', metaKey: true })).toBe(true)
  expect(isPressed('palette', { ...nothing, key: 'k' })).toBe(false)
  expect(isPressed('palette', { ...nothing, key: 'k', ctrlKey: true, shiftKey: true })).toBe(false)
  expect(isPressed('previous', { ...nothing, key: 'ArrowUp', altKey: true })).toBe(true)
  expect(isPressed('send', { ...nothing, key: 'Enter', shiftKey: true })).toBe(false)
})

test('Enter sends; on glass it begins a new line', () => {
  const pressed = { ...nothing, key: 'Enter' }
  for (const isTouch of [false, true]) {
    expect(enter(pressed, isTouch)).toBe(isTouch ? 'newline' : 'send')
    expect(enter({ ...pressed, shiftKey: true }, isTouch)).toBe('newline')
    expect(enter({ ...pressed, ctrlKey: true }, isTouch)).toBe('send')
    expect(enter({ ...pressed, metaKey: true }, isTouch)).toBe('send')
    expect(enter({ ...pressed, key: 'a' }, isTouch)).toBe(undefined)
  }
})

test('keys are named as they are on the keyboard', () => {
  expect(labels('palette', false)).toEqual(['Ctrl', 'K'])
  expect(labels('palette', true)).toEqual(['⌘', 'K'])
  expect(labels('next', false)).toEqual(['Alt', '↓'])
  expect(labels('newline', true)).toEqual(['⇧', 'Enter'])
})
