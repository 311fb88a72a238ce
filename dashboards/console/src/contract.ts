/** The shapes that cross the wire: the push contract, REST answers, and nothing of our own. */

export type Tier = 'red' | 'orange' | 'yellow' | 'blue'
export const TIERS: readonly Tier[] = ['red', 'orange', 'yellow', 'blue']

export type State = 'UNACK' | 'ACKED' | 'RTNUN' | 'NORM' | 'SHLVD' | 'DSUPR' | 'OOSRV' | 'LATCHED' | 'AWAIT'
export type Kind = 'limit' | 'forecast' | 'rate' | 'deviation' | 'group' | 'sensor' | 'comms' | 'system'
export const KINDS: readonly Kind[] = ['limit', 'forecast', 'rate', 'deviation', 'group', 'sensor', 'comms', 'system']
export type OrgLevel = 'site' | 'county' | 'city' | 'province'
export const ORG_LEVELS: readonly OrgLevel[] = ['site', 'county', 'city', 'province']

export interface Acknowledgement {
  by: string
  at: string
  note?: string
}

/** An action on a red alarm that waits for a second person. */
export interface Pending {
  action: string
  asked_by: string
  expires_at: string
}

/** When a limit will be reached if the trend goes on: expected, and between which bounds. */
export interface Forecast {
  limit: number
  eta: string
  eta_low: string
  eta_high: string
  probability: number
}

export interface Alarm {
  id: string
  rev: number
  kind: string
  rule: string
  rule_version?: number
  tier: Tier
  peak_tier: Tier
  state: State
  active: boolean
  quality: string
  late: boolean
  simulated: boolean
  region: string | null
  enterprise: string | null
  source: string | null
  unit: string | null
  point: string | null
  quantity: string | null
  value: number | null
  limit: number | null
  engineering_unit: string | null
  peak: number | null
  basis: string
  /** The pack and version that the basis stands in. */
  rule_pack?: string | null
  /** Of a coal mine: how its network would file it, `001` to `010`. */
  abnormal_type?: string | null
  forecast?: Forecast | null
  /** The flood it last rang in; `first_out` is the key of what came first at its source. */
  flood?: { since: string; first_out: string } | null
  t_raised: string
  t_event: string
  t_received: string
  t_committed: string | null
  t_pushed?: string | null
  t_returned: string | null
  t_closed: string | null
  acks: Record<OrgLevel, Acknowledgement | null>
  message: { zh: string; en: string }
  name?: string | null
  subject?: string | null
  /** Only in the answer about one alarm, never in the stream. */
  pending?: Pending | null
  /** The newest step of the ladder: whom it was told to while nobody acknowledged. */
  escalation?: { step: number; targets: OrgLevel[]; at: string } | null
  /** By `design`: the registry file says when. */
  suppression?: { until: string; by: string; at?: string; reason: string } | null
  out_of_service?: { until: string; by: string; at?: string; permit: string } | null
  /** How long it can be shelved at most, s; absent from what an older server wrote. */
  shelve_max_s?: number
  shelf?: { until: string; by: string; at?: string; reason?: string; one_shot?: boolean } | null
}

export const STAGES = ['proposed', 'issued', 'received', 'handling', 'feedback', 'lifted'] as const
export type Stage = (typeof STAGES)[number]
export const DUTIES = ['issue', 'receipt', 'handle', 'feedback', 'adjust', 'lift'] as const
export type Duty = (typeof DUTIES)[number]
export type Government = Exclude<OrgLevel, 'site'>
export const GOVERNMENTS: readonly Government[] = ['county', 'city', 'province']

/** What the law makes a warning say beside its level and the time of publication; a warning's words. */
export interface Notice {
  category: string
  starts_at: string | null
  area: string
  cautions: string
  measures: string
  issuer: string
}

/** A government's word about a source or an area: no alarm, though it comes on the same log. */
export interface EarlyWarning extends Notice {
  id: string
  rev: number
  kind: 'warning'
  stage: Stage
  level: Tier
  tier: Tier
  peak_tier: Tier
  /** What the region's table asks for now. */
  asked_level: Tier
  /** Whose it is to issue, adjust and lift. */
  government: Government
  active: boolean
  simulated: boolean
  automatic: boolean
  basis: string
  name: string
  region: string
  enterprise: string | null
  source: string | null
  unit: null
  published_at: string | null
  alarms: string[]
  receipts: Record<Government, Acknowledgement | null>
  handling: Acknowledgement[]
  feedback: Acknowledgement[]
  lift: { by: string; at: string; reason: string; active: string[] } | null
  t_proposed: string
  t_lifted: string | null
  message: { zh: string; en: string }
}

export interface WarningEntry {
  rev: number
  type: string
  t_event: string
  actor?: string | null
  org_level?: string | null
  note?: string | null
  data?: EarlyWarning | null
}

/** The body of a deed: the rev that was seen, what is noted, and for issue and adjust what it is to say. */
export interface WarningWish extends Partial<Notice> {
  rev: number
  note?: string
  level?: Tier
}

/** A warning of a person's own, of a source or of a region. */
export interface WarningDraft extends Partial<Notice> {
  level: Tier
  region?: string
  enterprise?: string
  source?: string
  alarms?: string[]
}

export interface CloudEvent {
  id: string
  type: string
  subject?: string
  time: string
  data: Alarm | EarlyWarning
}

export interface Position {
  epoch: string
  offset: number
}

export type Frame =
  | { op: 'subscribed'; sub: string; epoch: string; floor: number; head: number; recovered: boolean }
  | { op: 'snapshot_begin'; sub: string; offset: number }
  | { op: 'snapshot_end'; sub: string; offset?: number }
  /** Within a snapshot `snapshot` is true, and `offset` is no place to go on after. */
  | { op: 'event'; sub: string; offset: number; prev?: number | null; redelivered?: boolean; snapshot?: boolean; event: CloudEvent }
  | { op: 'urgent'; sub: string; offset: number; event: CloudEvent }
  | { op: 'caught_up'; sub: string; offset: number }
  | { op: 'heartbeat'; sub: string; head: number; prev: number; now: string }
  | { op: 'result'; id: string; ok: boolean; status: number; error?: string; alarm?: Alarm }
  | { op: 'goaway'; retry_after_s: number; reason: string }
  | { op: 'error'; code: string; error: string }

export interface Session {
  name: string
  role: string
  scope: string
  actions?: string[]
  /** What this person may do to warnings, and for which level. */
  duties?: Duty[]
  acts_for?: OrgLevel
  expires_at?: string | null
}

export interface SignInWays {
  password: boolean
  oidc: boolean
}

export interface Region {
  code: string
  name: string
  parent: string | null
  kind: string
}

export interface Enterprise {
  code: string
  name: string
  region: string
  simulated: boolean
}

export interface Unit {
  code: string
  name: string
  kind: string
}

export interface Source {
  enterprise: string
  code: string
  name: string
  kind: string
  r?: number | null
  level?: number | null
  units?: Unit[]
}

export interface Point {
  id: number | string
  enterprise: string
  source: string
  unit: string
  tag: string
  name: string
  quantity: string
  engineering_unit: string
  range?: [number, number] | null
  period_s?: number | null
  /** The silence after which it is stale, s. */
  stale_s: number
  limits?: Record<string, number>
  deadband?: number | null
  on_delay_s?: number | null
  off_delay_s?: number | null
  /** The on-delays in force by the level's name, s. */
  delays?: Record<string, number>
  simulated?: boolean
  last?: { t: number | string; v: number; q: number | string } | null
}

export interface Gateway {
  id: string
  enterprise: string
  state: string
  last_seen?: string | null
  /** Whether it sends, as the server sees it; `state` is its own word. */
  heard: 'never' | 'online' | 'silent'
  clock_error_s?: number | null
}

interface Words {
  zh: string
  en: string
}

export interface GatewayDetail extends Gateway {
  simulated: boolean
  lost: number
  loss: number
  rates: Record<'messages_per_s' | 'readings_per_s', Record<'1m' | '15m', number>>
  credential: { standing: string; since: string | null } | null
  refused: Array<{ reason: string; words: Words; count: number; first_at: string; last_at: string; tags: string[]; payload: string | null }>
}

/** Rows of ms, messages, accepted, rejected, lost, and the clock's error: newest, lowest, highest, s. */
export interface GatewayHistory {
  resolution: '1m' | '1h' | '1d'
  rows: Array<Array<number | null>>
}

export interface GatewayPayload {
  received: number
  topic: string
  bytes: number
  skipped: number
  cut: boolean
  text?: string
  base64?: string
  refused: Array<{ reason: string; tag: string | null; count: number; words: Words }>
}

/** What would become of a message that nobody sent. */
export interface Preview {
  dialect: string
  dialect_set: boolean
  accepted: number
  rejected: number
  readings: Array<{ tag: string; name: string; value: number; unit: string; time: string; quality: string; flags: string[] }>
  refused: Array<{ reason: string; tag: string | null; field: string | null; count: number; first: { value: unknown }; words: Words }>
}

/** A credential as it is handed over, this once. */
export interface Issued {
  gateway: string
  broker: string
  username: string
  password: string
  topics: { readings: string; replies: string }
  told: string[]
}

export interface JournalRow {
  offset?: number
  rev: number
  type: string
  t_event: string
  t_received?: string
  t_committed?: string
  actor?: string | null
  org_level?: string | null
  note?: string | null
  data?: Partial<Alarm> | null
}

export interface ReadingRows {
  resolution: 'raw' | '1m' | '1h' | '1d'
  unit: string
  rows: Array<Array<number | string | null>>
}

export interface Problem {
  status: number
  title?: string
  detail?: string
  code?: string
  why?: string
  alarm?: Alarm
  warning?: EarlyWarning | null
}

/** One telling of an alarm or a warning to a person by a channel. */
export interface Notification {
  id: number
  target: string
  person: string | null
  channel: string | null
  state: string
  due_at: string
  ended_at: string | null
}
