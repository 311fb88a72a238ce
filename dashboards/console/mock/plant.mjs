/** A small made-up plant and its alarms, for the development loop only. */
const T = 1_000

export const regions = [
  { code: '510000', name: '四川省', parent: null, kind: 'province' },
  { code: '510600', name: '德阳市', parent: '510000', kind: 'city' },
  { code: '510603', name: '旌阳区', parent: '510600', kind: 'county' },
  { code: '510681', name: '广汉市', parent: '510600', kind: 'county' },
  { code: '510681P01', name: '广汉化工园区', parent: '510681', kind: 'park' },
  { code: '511500', name: '宜宾市', parent: '510000', kind: 'city' },
  { code: '511526', name: '珙县', parent: '511500', kind: 'county' },
]
export const enterprises = [
  { code: 'DY-CHEM-01', name: '德阳示范化工有限公司', region: '510603', simulated: process.env.MOCK_REAL !== '1' },
  { code: 'GH-GAS-01', name: '广汉城市燃气有限公司', region: '510681P01', simulated: false },
  { code: 'YB-COAL-01', name: '宜宾红岩煤矿', region: '511526', simulated: false },
]
export const sources = [
  { enterprise: 'DY-CHEM-01', code: 'DYC01-R001', name: '液氨罐区', kind: 'tank_farm', r: 72.5, level: 2, units: ['TK101', 'TK102', 'TK103'].map((code, n) => ({ code, name: `${n + 1} 号液氨球罐`, kind: 'tank' })) },
  { enterprise: 'DY-CHEM-01', code: 'DYC01-R002', name: '苯储罐区', kind: 'tank_farm', r: 28, level: 3, units: ['TK201', 'TK202'].map((code, n) => ({ code, name: `${n + 1} 号苯储罐`, kind: 'tank' })) },
  { enterprise: 'GH-GAS-01', code: 'GHG01-L001', name: '城区中压管线', kind: 'gas_line', r: 12, level: 4, units: ['S01', 'S02'].map((code, n) => ({ code, name: `${n + 1} 号管段`, kind: 'pipe_section' })) },
  { enterprise: 'YB-COAL-01', code: 'YBC01-M001', name: '红岩矿井', kind: 'coal_mine', r: null, level: null, units: [{ code: 'F3101', name: '3101 工作面', kind: 'working_face' }, { code: 'R3101', name: '3101 回风巷', kind: 'roadway' }] },
]
const TEMPLATES = {
  tank: [
    ['LT', '液位', 'level', 'm', [0, 12], { ll: 0.5, l: 1, h: 9, hh: 10 }, 6],
    ['PT', '压力', 'pressure', 'MPa', [0, 2.5], { h: 1.55, hh: 1.7 }, 1.1],
    ['TT', '温度', 'temperature', '℃', [-20, 80], { h: 38, hh: 42 }, 24],
    ['GT', '氨气浓度', 'toxic_gas', 'ppm', [0, 100], { h: 25, hh: 50 }, 3],
  ],
  pipe_section: [
    ['PT', '管线压力', 'pressure', 'MPa', [0, 0.6], { l: 0.1, h: 0.4, hh: 0.45 }, 0.34],
    ['FT', '流量', 'flow', 'm³/h', [0, 5000], {}, 1830],
    ['GT', '井室甲烷', 'combustible_gas', '%LEL', [0, 100], { h: 20, hh: 50 }, 1.5],
  ],
  working_face: [
    ['CH4', '甲烷', 'methane', '%CH4', [0, 4], { h: 1, hh: 1.5, cut: 1.5, reset: 1 }, 0.42],
    ['CO', '一氧化碳', 'carbon_monoxide', 'ppm', [0, 500], { h: 24 }, 5],
  ],
  roadway: [
    ['CH4', '回风甲烷', 'methane', '%CH4', [0, 4], { h: 1 }, 0.55],
    ['WS', '风速', 'wind_speed', 'm/s', [0, 15], { l: 0.25, h: 4 }, 1.7],
  ],
}
export const points = sources.flatMap((source) =>
  source.units.flatMap((unit) =>
    TEMPLATES[unit.kind].map(([suffix, name, quantity, engineering_unit, range, limits, normal]) => ({
      enterprise: source.enterprise, source: source.code, unit: unit.code, tag: `${unit.code}.${suffix}`, name, quantity,
      engineering_unit, range, limits, normal, period_s: 1, stale_s: 30, deadband: range[1] / 200, on_delay_s: 0, off_delay_s: 30, delays: Object.fromEntries(Object.keys(limits).filter((name) => name !== 'reset').map((name) => [name, 0])),
      simulated: enterprises.find(({ code }) => code === source.enterprise).simulated,
    })),
  ),
).map((point, place) => ({ id: place + 1, ...point }))
export const gateways = enterprises.map(({ code }, n) => ({ id: `gw-${code.toLowerCase()}`, enterprise: code, state: n === 1 ? 'offline' : 'online', last_seen: new Date().toISOString(), heard: 'online', clock_error_s: 0.02 }))

const byPlace = (point) => `/regions/${regionOf(point.enterprise)}/enterprises/${point.enterprise}/sources/${point.source}`
const regionOf = (code) => enterprises.find((enterprise) => enterprise.code === code).region
let count = 0

const WORDS = {
  limit: ['高限报警', ' above its high limit'],
  sensor: [' 读数 42 分钟未变化（此前最长 3.5 分钟），疑似卡死', ': unchanged for 42 min (longest so far 3.5 min), possibly stuck'],
  comms: ['长时间无数据', ' no readings'],
  forecast: [' 预计约 15 分钟后（10–25 分钟）达到高限', ' is expected to reach its high limit in about 15 min (10–25 min)'],
  group: ['：2 个测点中 1 个达到或高于限值，表决 2/3 → 1/2，1 个测点失效', ': 1 of 2 points at or above the limit, vote 2/3 → 1/2, 1 lost'],
  deviation: ['，近来平均偏离平常水平', ', of late off its usual level'],
  rate: ['，每分钟上升过快', ', rises too fast'],
}
const RULES = { limit: 'limit.high', sensor: 'sensor.flat_line', comms: 'comms.stale', forecast: 'forecast.h', group: 'group.vote' }

export function raise(point, tier, { now = Date.now(), state = 'UNACK', kind = 'limit' } = {}) {
  count += 1
  const high = tier === 'red' || tier === 'orange' ? point.limits.hh ?? point.limits.h : point.limits.h
  const limit = kind === 'limit' || kind === 'forecast' ? high ?? point.range[1] : null
  const value = limit === null ? null : limit * (kind === 'limit' ? 1.02 : 0.9)
  const at = new Date(now).toISOString()
  const words = WORDS[kind]
  const group = kind === 'group' ? { point: null, subject: `${point.source}.VOTE`, name: '三取二' } : {}
  return {
    id: `01KMOCK${String(count).padStart(19, '0')}`, rev: 1, kind, rule: RULES[kind] ?? kind, rule_version: 1,
    tier, peak_tier: tier, state, active: state !== 'RTNUN', quality: kind === 'group' ? 'uncertain' : kind === 'limit' && count % 9 === 4 ? 'stale' : 'good', late: false, simulated: point.simulated,
    region: regionOf(point.enterprise), enterprise: point.enterprise, source: point.source, unit: point.unit, point: point.tag, quantity: point.quantity,
    value, limit, engineering_unit: point.engineering_unit, peak: value, basis: 'GB/T 50493-2019 5.5.2', rule_pack: kind === 'limit' ? 'gas_detection 1' : null, name: point.name, shelf: null, suppression: null, out_of_service: null,
    flood: kind === 'limit' ? { since: at, first_out: `${point.enterprise}/${point.tag}` } : null,
    forecast: kind === 'forecast' ? { limit: high, eta: new Date(now + 9e5).toISOString(), eta_low: new Date(now + 6e5).toISOString(), eta_high: new Date(now + 15e5).toISOString(), probability: 0.91 } : null,
    t_raised: at, t_event: at, t_received: at, t_committed: at, t_pushed: null, t_returned: state === 'RTNUN' ? at : null, t_closed: null,
    acks: { site: state === 'ACKED' ? { by: '王某', at } : null, county: null, city: null, province: null },
    message: { zh: `${point.name}${words[0]}`, en: `${point.tag}${words[1]}` },
    ...group,
  }
}

export function firstAlarms(n) {
  const alarms = []
  const tiers = ['red', 'orange', 'orange', 'yellow', 'yellow', 'yellow', 'yellow', 'blue', 'blue', 'blue']
  for (let i = 0; i < n; i += 1) {
    const point = points[(i * 7) % points.length]
    const tier = i < 3 ? 'red' : tiers[i % tiers.length]
    const kinds = { blue: ['sensor', 'comms', 'forecast'], yellow: ['limit', 'deviation', 'group', 'rate'], orange: ['limit', 'forecast'], red: ['limit'] }[tier]
    const kind = kinds[i % kinds.length]
    alarms.push(raise(point, tier, { now: Date.now() - (i + 1) * 97 * T, state: i % 5 === 3 ? 'ACKED' : i % 11 === 6 ? 'RTNUN' : 'UNACK', kind }))
  }
  return alarms
}

export const eventOf = (alarm, type) => ({
  specversion: '1.0', id: `${alarm.id}:${alarm.rev}`, source: byPlace(alarm), type: `cn.fengsui.alarm.${type}`, subject: alarm.point ?? alarm.subject, time: alarm.t_event, data: alarm,
})
