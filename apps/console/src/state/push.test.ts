import { expect, test } from 'vitest'

import { bytesOf, isSameKey, labelOf, obstacle } from './push'

test('what keeps a browser from being pushed to is told, the first thing first', () => {
  const able = { isSecure: true, hasWorker: true, hasPush: true, permission: 'default' as const }

  expect(obstacle(able)).toBeUndefined()
  expect(obstacle({ ...able, permission: 'denied' })).toBe('denied')
  expect(obstacle({ ...able, hasPush: false })).toBe('unsupported')
  expect(obstacle({ ...able, permission: undefined })).toBe('unsupported')
  expect(obstacle({ ...able, isSecure: false, hasWorker: false })).toBe('insecure')
})

test('keys are base64url', () => {
  expect([...bytesOf('AP-_')]).toEqual([0, 255, 191])
  expect(isSameKey(bytesOf('AP-_').buffer, bytesOf('AP-_'))).toBe(true)
  expect(isSameKey(bytesOf('AP-_').buffer, bytesOf('AP-A'))).toBe(false)
  expect(isSameKey(null, bytesOf('AP-_'))).toBe(false)
})

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36', 'Chrome, Linux'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:130.0) Gecko/20100101 Firefox/130.0', 'Firefox, macOS'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1', 'Safari, iOS'],
  ['something', 'Browser'],
])('%s', (userAgent, label) => {
  expect(labelOf(userAgent)).toBe(label)
})
