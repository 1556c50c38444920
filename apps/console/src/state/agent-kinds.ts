import type { AgentSpec } from '../protocol'
import { text } from '../text'
import { emptyForm, formOf, moved, type AgentForm } from './agent-form'

/** An agent that the controller knows how to describe. */
export interface Preset {
  name: string
  title: string
  spec: AgentSpec
}

/** A choice of what a new agent is. */
export interface Kind {
  id: string
  title: string
  hint: string
  /** How the form begins with it. */
  form: () => AgentForm
}

/** First what there are presets for, then everything else. */
export function kindsOf(presets: readonly Preset[]): Kind[] {
  const words = text.agentForm
  const known = presets.map(({ name, title, spec }) => ({
    id: `preset:${name}`,
    title,
    hint: isShared(spec) ? words.codecs[spec.codec.type] : words.ownProtocol,
    form: () => formOf(spec),
  }))
  return [
    ...known,
    { id: 'own', title: words.own, hint: words.ownHint, form: emptyForm },
    {
      id: 'container',
      title: words.inContainer,
      hint: words.inContainerHint,
      form: () => moved(emptyForm(), 'image'),
    },
    {
      id: 'echo',
      title: words.echo,
      hint: words.echoHint,
      form: () => formOf({ name: 'echo', codec: { type: 'echo' } }),
    },
  ]
}

/** Whether others talk like it. */
function isShared({ codec }: AgentSpec): boolean {
  return codec.type === 'acp' || codec.type === 'lines'
}

/** The form of another kind, with the name that somebody has typed. */
export function changed(before: AgentForm, from: Kind | undefined, to: Kind): AgentForm {
  const next = to.form()
  const isTyped = before.name !== '' && before.name !== from?.form().name
  return isTyped ? { ...next, name: before.name } : next
}
