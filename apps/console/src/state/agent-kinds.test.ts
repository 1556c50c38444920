import { expect, test } from 'vitest'

import { changed, kindsOf } from './agent-kinds'
import { emptyForm } from './agent-form'

const kinds = kindsOf([
  { name: 'gemini', title: 'Gemini CLI', spec: { name: 'gemini', codec: { type: 'acp' } } },
])
const [gemini, own, container, echo] = kinds

test('presets come first', () => {
  expect(kinds.map(({ id }) => id)).toEqual(['preset:gemini', 'own', 'container', 'echo'])
  expect(container!.form().place).toBe('image')
  expect(echo!.form()).toMatchObject({ place: 'builtIn', codec: 'echo' })
})

test('another kind begins anew, but for a name that was typed', () => {
  const suggested = changed(emptyForm(), own, gemini!)

  expect(suggested.name).toBe('gemini')
  expect(changed(suggested, gemini, own!).name).toBe('')
  expect(changed({ ...suggested, name: 'mine', command: 'x' }, gemini, own!)).toEqual({
    ...emptyForm(),
    name: 'mine',
  })
})
