import type { AgentId, ClientId, ConversationId } from '../protocol'

export const TABS = ['terminal', 'files', 'stats', 'settings'] as const
export type Tab = (typeof TABS)[number]

/** What is shown, as the address says. */
export type Route =
  | { view: 'home' }
  | { view: 'chat'; clientId: ClientId; agentId: AgentId; conversationId: ConversationId | undefined }
  | { view: 'agent'; clientId: ClientId; agentId: AgentId; tab: Tab }
  | { view: 'new-agent'; clientId: ClientId }
  | { view: 'manager'; clientId: ClientId | undefined }
  | { view: 'server' }
  | { view: 'settings' }

export function parse(path: string): Route {
  const [first, ...rest] = path.split('/').filter(Boolean).map(decode)
  const [clientId, second, third] = rest
  if (first === 'c' && clientId && second)
    return { view: 'chat', clientId, agentId: second, conversationId: third }
  if (first === 'a' && clientId && second) {
    const tab = TABS.find((tab) => tab === third)
    if (tab) return { view: 'agent', clientId, agentId: second, tab }
  }
  if (first === 'm' && clientId === 'new') return { view: 'manager', clientId: undefined }
  if (first === 'm' && clientId && second === 'new-agent') return { view: 'new-agent', clientId }
  if (first === 'm' && clientId) return { view: 'manager', clientId }
  if (first === 'server') return { view: 'server' }
  if (first === 'settings') return { view: 'settings' }
  return { view: 'home' }
}

export function pathOf(route: Route): string {
  switch (route.view) {
    case 'home':
      return '/'
    case 'chat':
      return join('c', route.clientId, route.agentId, route.conversationId)
    case 'agent':
      return join('a', route.clientId, route.agentId, route.tab)
    case 'new-agent':
      return join('m', route.clientId, 'new-agent')
    case 'manager':
      return join('m', route.clientId ?? 'new')
    case 'server':
    case 'settings':
      return `/${route.view}`
  }
}

function join(...parts: Array<string | undefined>): string {
  return `/${parts
    .filter((part) => part !== undefined)
    .map(encodeURIComponent)
    .join('/')}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The page's place in the browser's history. */
class Router {
  route: Route = $state.raw({ view: 'home' })

  start(): void {
    const read = (): void => void (this.route = parse(location.pathname))
    addEventListener('popstate', read)
    read()
  }

  go(route: Route, { replace = false } = {}): void {
    const path = pathOf(route)
    if (path !== location.pathname) history[replace ? 'replaceState' : 'pushState'](null, '', path)
    this.route = route
  }
}

export const router = new Router()
