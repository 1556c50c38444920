import { Failure, words } from '../net/failure'
import type { ClientId, Timestamp } from '../protocol'
import { text } from '../text'

/** A manager as REST tells of it. Its key is never shown. */
export interface Manager {
  clientId: ClientId
  name: string
  endpoint: string
  createdAt: Timestamp
  connected: boolean
  /** Why it is not connected. */
  lastError?: string
}

/** What is wrong, by field. */
export type Errors = Partial<Record<'name' | 'endpoint' | 'apiKey' | 'general', string>>

export function missing(fields: { name: string; endpoint: string; apiKey: string }, isNew: boolean): Errors {
  return {
    ...(!fields.name.trim() && { name: text.manager.nameNeeded }),
    ...(!fields.endpoint.trim() && { endpoint: text.manager.endpointNeeded }),
    ...(isNew && !fields.apiKey.trim() && { apiKey: text.manager.keyNeeded }),
  }
}

/** The controller's words, at the field that they are about. */
export function errorsOf(error: unknown): Errors {
  const said = words(error)
  if (!(error instanceof Failure)) return { general: said }
  if (error.code === 'NAME_TAKEN' || /'s name\b/.test(said)) return { name: said }
  if (/^an endpoint\b/i.test(said)) return { endpoint: said }
  if (/\bkey\b/i.test(said)) return { apiKey: said }
  return { general: said }
}
