import type { Attendee, ViewerId } from '../protocol'

/** Somebody who is in a conversation. */
export interface Present {
  viewerId: ViewerId
  user: string | undefined
  clientType: string | undefined
  /** One may be there several times. */
  connections: number
}

type Who = Pick<Attendee, 'viewerId' | 'user' | 'clientType'>

/** Who is in a conversation, as joins and leaves are told. */
export class Presence {
  readonly #present = new Map<ViewerId, Present>()

  get all(): Present[] {
    return [...this.#present.values()]
  }

  /** These are there, and nobody else. */
  begin(attendees: readonly Who[]): void {
    this.#present.clear()
    for (const attendee of attendees) this.comes(attendee)
  }

  comes({ viewerId, user, clientType }: Who): void {
    if (viewerId === undefined) return
    const connections = (this.#present.get(viewerId)?.connections ?? 0) + 1
    this.#present.set(viewerId, { viewerId, user, clientType, connections })
  }

  goes({ viewerId }: Who): void {
    const present = viewerId === undefined ? undefined : this.#present.get(viewerId)
    if (!present) return
    const connections = present.connections - 1
    if (connections > 0) this.#present.set(present.viewerId, { ...present, connections })
    else this.#present.delete(present.viewerId)
  }
}
