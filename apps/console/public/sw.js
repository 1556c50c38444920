// Shows what the controller pushes while no page is open. It keeps nothing and answers no requests.

const TITLES = {
  needs_you: (agent) => `${agent} needs you`,
  done: (agent) => `${agent} is done`,
  failed: (agent) => `${agent} failed`,
  test: () => 'This is a test',
}

/** As `exposed` of the page. */
const UNSEEN = /(?![\t\n\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const exposed = (text) =>
  String(text ?? '').replace(UNSEEN, (control) => {
    const code = control.codePointAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
  })

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => {
  let told = {}
  try {
    told = event.data?.json() ?? {}
  } catch {
    // A browser takes the permission away when a push shows nothing.
  }
  event.waitUntil(show(told))
})

function show({ kind, clientId, agentId, agentName, conversationId, conversationName, message }) {
  const isPlace = [clientId, agentId, conversationId].every((id) => typeof id === 'string')
  const where = conversationName && conversationName !== 'default' ? exposed(conversationName) : ''
  return self.registration.showNotification(TITLES[kind]?.(exposed(agentName ?? 'An agent')) ?? 'longshore', {
    body: [where, exposed(message)].filter(Boolean).join('\n'),
    icon: '/icon.svg',
    silent: true,
    // As `tagOf` and `pathOf` of the page.
    tag: isPlace ? [clientId, agentId, conversationId].join('/') : 'longshore',
    data: { path: isPlace ? `/c/${[clientId, agentId, conversationId].map(encodeURIComponent).join('/')}` : '/' },
  })
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data?.path ?? '/'))
})

async function open(path) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const page = pages.find(({ visibilityState }) => visibilityState === 'visible') ?? pages[0]
  if (!page) return self.clients.openWindow(path)
  page.postMessage({ open: path })
  return page.focus()
}
