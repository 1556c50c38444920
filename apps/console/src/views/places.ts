import type { Component } from 'svelte'

import type { AccessRole } from '../protocol'
import type { Route, Tab } from '../state/route.svelte'

/** A view that is loaded when it is looked at. */
export interface Place {
  // Props and component belong together, see below; that is lost here.
  load: () => Promise<{ default: Component<any> }>
  props: Record<string, unknown>
  /** The role that it takes, if it is not for everybody. */
  wants?: AccessRole
}

const TAB: Record<Tab, Place['load']> = {
  terminal: () => import('./Terminal.svelte'),
  files: () => import('./Files.svelte'),
  stats: () => import('./Stats.svelte'),
  settings: () => import('./AgentSettings.svelte'),
}

/** The view of a route that is neither the front page nor a conversation. */
export function placeOf(route: Route): Place | undefined {
  switch (route.view) {
    case 'agent':
      return {
        load: TAB[route.tab],
        props: { clientId: route.clientId, agentId: route.agentId },
        ...(route.tab === 'settings' && { wants: 'admin' }),
      }
    case 'new-agent':
      return { load: () => import('./AgentForm.svelte'), props: { clientId: route.clientId }, wants: 'admin' }
    case 'manager':
      return {
        load: () => import('./ManagerForm.svelte'),
        props: { clientId: route.clientId },
        wants: 'admin',
      }
    case 'server':
      return { load: () => import('./Server.svelte'), props: {} }
    case 'settings':
      return { load: () => import('./Settings.svelte'), props: {} }
    default:
      return undefined
  }
}
