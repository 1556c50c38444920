import { describe, expect, it } from 'vitest'

import { noted } from './notices'

describe('notices', () => {
  const store = { id: 'store', title: 'Nothing can be stored' }
  const stopping = { id: 'stopping', title: 'The controller is stopping' }

  it('hold until they are replaced or dismissed', () => {
    const both = noted(noted([], store), stopping)
    expect(both).toEqual([store, stopping])
    expect(noted(both, { ...store, title: 'Still' })).toEqual([stopping, { ...store, title: 'Still' }])
    expect(noted(both, { id: 'store', dismiss: true })).toEqual([stopping])
    expect(noted([], { id: 'store', dismiss: true })).toEqual([])
  })
})
