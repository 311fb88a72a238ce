/** Vite plug-in: writes THIRD_PARTY_NOTICES.txt with the licence of every package that was bundled. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

export function notices() {
  return {
    name: 'third-party-notices',
    apply: 'build',
    generateBundle(_options, bundle) {
      const folders = new Map()
      for (const chunk of Object.values(bundle)) {
        for (const id of Object.keys(chunk.modules ?? {})) {
          const match = /^\0?(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(id.replaceAll('\\', '/'))
          if (match) folders.set(match[2], match[1])
        }
      }
      const parts = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, folder]) => notice(name, folder))
      this.emitFile({ type: 'asset', fileName: 'THIRD_PARTY_NOTICES.txt', source: parts.join('\n') })
    },
  }
}

function notice(name, folder) {
  const about = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const file = existsSync(folder) && readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (!file && !about.license) throw new Error(`${name} names no licence: it cannot be shipped`)
  const text = file ? readFileSync(path.join(folder, file), 'utf8').trim() : `Licence: ${about.license}`
  return `${name} ${about.version} (${about.license})\n${'-'.repeat(72)}\n${text}\n`
}
