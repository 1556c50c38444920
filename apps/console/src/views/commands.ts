import type { IconName } from '../parts/Icon.svelte'
import { app } from '../state/app.svelte'
import { leave } from '../state/leave'
import { router, type Route } from '../state/route.svelte'
import { theme } from '../state/theme.svelte'
import { sorted, type Agent } from '../state/world'
import { text } from '../text'

/** Something to go to or to do, by its name. */
export interface Command {
  name: string
  icon: IconName
  /** More about it. */
  hint?: string
  run: () => void
}

/** What can be done now. `create` asks for a new conversation. */
export function commands(create: (agent: Agent) => void): Command[] {
  return [...conversations(), ...actions(create)]
}

const to = (route: Route) => (): void => router.go(route)

function conversations(): Command[] {
  return [...app.world.values()].flatMap(({ clientId, name: manager, agents }) =>
    [...agents.values()].flatMap(({ agentId, name: agent, conversations }): Command[] => {
      const chat = (conversationId: string | undefined): (() => void) =>
        to({ view: 'chat', clientId, agentId, conversationId })
      const others = sorted(conversations.values()).filter(({ name }) => name !== 'default')
      return [
        { name: agent, hint: manager, icon: 'chat', run: chat(undefined) },
        ...others.map(({ conversationId, name }): Command => ({
          name,
          hint: agent,
          icon: 'chevron',
          run: chat(conversationId),
        })),
      ]
    }),
  )
}

function actions(create: (agent: Agent) => void): Command[] {
  const { route } = router
  const clientId = 'clientId' in route ? route.clientId : undefined
  const agent = 'agentId' in route ? app.agent(route.clientId, route.agentId) : undefined
  const here: Command[] = []
  if (agent && app.may('user'))
    here.push({ name: text.nav.newConversationWith(agent.name), icon: 'plus', run: () => create(agent) })
  if (clientId !== undefined && app.may('admin')) {
    here.push({ name: text.nav.newAgent, icon: 'plus', run: to({ view: 'new-agent', clientId }) })
  }
  if (app.may('admin')) {
    here.push({ name: text.nav.newManager, icon: 'plus', run: to({ view: 'manager', clientId: undefined }) })
  }
  return [
    ...here,
    { name: text.nav.server, icon: 'server', run: to({ view: 'server' }) },
    { name: text.nav.settings, icon: 'settings', run: to({ view: 'settings' }) },
    {
      name: `${text.settings.theme}: ${text.settings.light}`,
      icon: 'bulb',
      run: () => theme.choose('light'),
    },
    { name: `${text.settings.theme}: ${text.settings.dark}`, icon: 'bulb', run: () => theme.choose('dark') },
    { name: text.login.out, icon: 'logout', run: () => void leave().catch(to({ view: 'settings' })) },
  ]
}
