// Requests as they are written: any header, any path.

import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** Status, headers and body; a body that is given is sent as JSON, text and bytes as they are. */
export async function ask(base, method, path, { headers = {}, body } = {}) {
  const { hostname, port } = new URL(base)
  const content = body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const type = content === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }
  const response = await new Promise((resolve, reject) => {
    request({ hostname, port, method, path, headers: { ...type, ...headers } }, resolve).on('error', reject).end(content)
  })
  const bytes = await buffer(response)
  return { status: response.statusCode, headers: response.headers, bytes, text: bytes.toString() }
}
