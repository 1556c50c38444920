// What most tests begin with: an agent of its own, and people in a conversation with it.

import { randomUUID } from 'node:crypto'

import { addAgent, up } from './server.mjs'
import { Viewer } from './viewer.mjs'

export class Scene {
  /** Both tiers in one process; `options` as for `up`. */
  static async open(options) {
    return new Scene(await up(options))
  }

  constructor(server, clientId = server.info.clientId) {
    this.server = server
    this.clientId = clientId
  }

  /** Adds an agent with a name of its own; `echo` unless `spec` says otherwise. */
  async agent(spec = {}) {
    const all = { name: `a-${randomUUID()}`, codec: { type: 'echo' }, ...spec }
    return (await addAgent(this.server, this.clientId, all)).agentId
  }

  /** A browser that has selected the client. */
  async viewer(more = {}) {
    const v = await new Viewer(this.server.controller, { token: this.server.token, ...more }).connected()
    await v.ok('setClient', { clientId: this.clientId })
    return v
  }

  /** As many browsers in one new conversation with a new agent. */
  async room(count, { spec, create = {}, join = {}, transport } = {}) {
    const agentId = await this.agent(spec)
    const viewers = await Promise.all(Array.from({ length: count }, () => this.viewer({ transport })))
    const { conversationId } = await viewers[0].forward('createConversation', agentId, { agentId, ...create })
    for (const v of viewers) await v.join(agentId, { conversationId, ...join })
    return { agentId, conversationId, viewers }
  }

  /** A browser, and a new agent with conversations of these names, made in this order; `create` makes more. */
  async having(...names) {
    const agentId = await this.agent()
    const v = await this.viewer()
    const create = async (name, more = {}) => v.forward('createConversation', agentId, { agentId, name, ...more })
    const infos = []
    for (const name of names) infos.push(await create(name))
    return { v, agentId, create, infos, ids: infos.map((info) => info.conversationId) }
  }
}

/** Says it in that conversation; gives the acknowledgement. */
export const say = (v, agentId, conversationId, message, more = {}) => v.chat(agentId, message, { conversationId, ...more })

/** Says it and waits for the end of the run; gives the acknowledgement and the end. */
export async function converse(v, agentId, conversationId, message, more = {}) {
  const accepted = await say(v, agentId, conversationId, message, more)
  return { ...accepted, end: await v.ended(accepted.runId) }
}
