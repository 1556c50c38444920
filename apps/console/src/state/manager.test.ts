import { expect, test } from 'vitest'

import { Failure } from '../net/failure'
import { errorsOf, missing } from './manager'

test('a new manager needs a key, one that is there does not', () => {
  const fields = { name: ' ', endpoint: 'http://x', apiKey: '' }

  expect(Object.keys(missing(fields, true))).toEqual(['name', 'apiKey'])
  expect(Object.keys(missing(fields, false))).toEqual(['name'])
})

test('the controller’s words stand at the field that they are about', () => {
  const at = (code: 'NAME_TAKEN' | 'INVALID_PAYLOAD' | 'STORE_UNAVAILABLE', words: string) =>
    Object.keys(errorsOf(new Failure(code, words)))

  expect(at('NAME_TAKEN', 'There is one of this name')).toEqual(['name'])
  expect(at('INVALID_PAYLOAD', "a client's name is 1 to 128 characters")).toEqual(['name'])
  expect(at('INVALID_PAYLOAD', 'an endpoint is http://host:port')).toEqual(['endpoint'])
  expect(at('STORE_UNAVAILABLE', 'The database cannot be written')).toEqual(['general'])
  expect(Object.keys(errorsOf(new TypeError('x')))).toEqual(['general'])
})
