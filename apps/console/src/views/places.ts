import type { Component } from 'svelte'

import type { Route, Tab } from '../state/route.svelte'

/** A view that is loaded when it is looked at. */
export interface Place {
  // Props and component belong together, see below; that is lost here.
  load: () => Promise<{ default: Component<any> }>
  props: Record<string, unknown>
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
      return { load: TAB[route.tab], props: { clientId: route.clientId, agentId: route.agentId } }
    case 'new-agent':
      return { load: () => import('./AgentForm.svelte'), props: { clientId: route.clientId } }
    case 'manager':
      return { load: () => import('./ManagerForm.svelte'), props: { clientId: route.clientId } }
    case 'server':
      return { load: () => import('./Server.svelte'), props: {} }
    case 'settings':
      return { load: () => import('./Settings.svelte'), props: {} }
    default:
      return undefined
  }
}
