/** What the service answers with, as `/openapi.json` says; made by tools/build_client_types.py. */

/** The version of the interface that this client speaks. */
export const API_VERSION = "1.2";

/** Audit events, oldest first. */
export interface Audit {
  readonly events: readonly EventDocument[];
}

/** Which model judged. */
export interface BundleDocument {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** A sample that is stored. */
export interface CaptureReceipt {
  readonly session: string;
  readonly modality: string;
  readonly seq: number;
  readonly sha256: string;
  readonly captures: number;
  readonly received_at: string;
}

/** What was judged. */
export interface CaptureReference {
  readonly modality: string;
  readonly seq: number;
  readonly sha256: string;
}

/** What became of one challenge of a live capture. */
export interface ChallengeDocument {
  readonly challenge: string;
  /** passed, failed, inconclusive; or measured: the answer is evidence, and its ratio stands among the cues of the verdict (movement: face_turn, light: face_light) */
  readonly outcome: string;
  readonly reasons: readonly string[];
  readonly advice: readonly string[];
}

/** A verdict without a session. */
export interface CheckAnswer {
  readonly verdict: VerdictDocument;
  readonly replay_protection?: false;
}

/** What may be known of a judgement; a client is told `finished`, whatever the verdict. */
export interface Completed {
  readonly session: string;
  readonly state: "finished" | "capturing" | "succeeded" | "failed";
  readonly attempts_left: number;
  readonly advice: readonly string[];
}

/** What one cue found in the course of a clip. */
export interface CueDocument {
  readonly name: string;
  readonly title: string;
  readonly status: "used" | "hint" | "not_measurable";
  readonly score: number | null;
  readonly contribution: number;
  readonly reasons: readonly string[];
  readonly measurements: Readonly<Record<string, number | null>>;
  readonly course: readonly MomentDocument[];
}

/** What the detector alone says of all frames together, without challenges and replay protection. */
export interface DetectorDocument {
  readonly detector_outcome: "bona_fide" | "attack" | "non_response";
  readonly detector_reasons: readonly string[];
}

/** An audit event; `tenant` is there where it is not the default one. */
export interface EventDocument {
  readonly tenant?: string;
  readonly seq: number;
  readonly at: string;
  readonly session: string | null;
  readonly event: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly previous: string;
  readonly hash: string;
}

/** What one modality contributed. */
export interface EvidenceDocument {
  readonly modality: string;
  readonly status: "used" | "missing" | "rejected";
  readonly score: number | null;
  readonly reasons: readonly string[];
  readonly advice: readonly string[];
  readonly measurements: Readonly<Record<string, number | null>>;
  readonly region: RegionDocument | null;
  readonly timeline: readonly WindowDocument[];
  readonly unjudged: readonly string[];
  readonly frames: readonly JudgedFrameDocument[];
  readonly shown: number;
}

/** What one capture says by itself. */
export interface FrameDocument {
  readonly seq: number;
  readonly outcome: "bona_fide" | "attack" | "non_response";
  readonly score: number | null;
}

/** What became of one of several frames. */
export interface JudgedFrameDocument {
  readonly score: number | null;
  readonly reasons: readonly string[];
  readonly start_s: number | null;
  readonly end_s: number | null;
}

/** A bundle that judges. */
export interface ModelDocument {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly licence: string;
  readonly modalities: readonly string[];
  readonly operating_points: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly default_operating_point: string;
}

/** What judges here. */
export interface Models {
  readonly models: readonly ModelDocument[];
  readonly policies: readonly string[];
  readonly challenges: readonly string[];
}

/** What a cue saw at one time. */
export interface MomentDocument {
  readonly time_s: number;
  readonly value: number;
}

/** A session with what its client needs. */
export interface OpenedSession {
  readonly id: string;
  readonly state: "created" | "capturing" | "judging" | "succeeded" | "failed" | "expired" | "revoked";
  readonly mode: "passive" | "active";
  readonly modalities: readonly string[];
  readonly policy: string | null;
  readonly challenges: readonly string[] | null;
  readonly nonce: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly captures: number;
  readonly attempts_left: number;
  /** samples of each sensor that a passive session needs to be judged */
  readonly frames_needed: number;
  readonly site: string;
  readonly retention_s: number;
  readonly media_until: string | null;
  readonly client_token: string;
}

/** Where bona fide begins. */
export interface OperatingPointDocument {
  readonly name: string;
  readonly threshold: number;
  readonly rule: string;
  readonly data: string;
}

/** What one bundle said, and its share of the score. */
export interface OpinionDocument {
  readonly bundle: string;
  readonly modalities: readonly string[];
  readonly score: number;
  readonly contribution: number;
}

/** The body of every error (RFC 9457). */
export interface ProblemDocument {
  readonly type?: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly recoverable: boolean;
  readonly retry_after_s?: number | null;
  readonly request_id: string;
  readonly advice?: readonly string[];
}

/** An earlier capture that is stored. */
export interface ReferenceReceipt {
  readonly session: string;
  readonly modality: string;
  readonly seq: number;
  readonly sha256: string;
  readonly references: number;
  readonly counts: boolean;
}

/** What earlier captures of the person did to the threshold. */
export interface ReferencesDocument {
  readonly modality: string;
  readonly used: number;
  readonly left_out: readonly number[];
  readonly shift: number;
  readonly copied?: readonly number[];
}

/** A part of a picture, in its pixels. */
export interface RegionDocument {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A webhook with what its messages are signed with. */
export interface RegisteredWebhook {
  readonly id: string;
  readonly url: string;
  readonly created_at: string;
  /** messages that still have to arrive */
  readonly waiting: number;
  /** messages of the last week that never did */
  readonly given_up: number;
  readonly secret: string;
}

/** What a session came to. Its one outcome is said twice, here and in `verdict`, and is the same. */
export interface ResultDocument {
  /** of this document */
  readonly schema_version: string;
  readonly session: string;
  readonly nonce: string;
  readonly outcome: "bona_fide" | "attack" | "non_response";
  readonly reasons: readonly string[];
  readonly judged_at: string;
  readonly verdict: VerdictDocument;
  readonly evidence: DetectorDocument;
  readonly frames: readonly FrameDocument[];
  readonly challenges: readonly ChallengeDocument[];
  readonly captures: readonly CaptureReference[];
  readonly jws: string;
}

/** A session. */
export interface SessionDocument {
  readonly id: string;
  readonly state: "created" | "capturing" | "judging" | "succeeded" | "failed" | "expired" | "revoked";
  readonly mode: "passive" | "active";
  readonly modalities: readonly string[];
  readonly policy: string | null;
  readonly challenges: readonly string[] | null;
  readonly nonce: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly captures: number;
  readonly attempts_left: number;
  /** samples of each sensor that a passive session needs to be judged */
  readonly frames_needed: number;
  readonly site: string;
  readonly retention_s: number;
  readonly media_until: string | null;
}

/** The figures of a judgement; in a session's result `outcome` and `reasons` are those of the session. */
export interface VerdictDocument {
  readonly outcome: "bona_fide" | "attack" | "non_response";
  /** natural-log likelihood ratio, higher speaks for bona fide */
  readonly score: number | null;
  /** how far the score lies above the threshold */
  readonly margin: number | null;
  readonly reasons: readonly string[];
  readonly policy: string | null;
  readonly operating_point: OperatingPointDocument;
  readonly evidence: readonly EvidenceDocument[];
  readonly opinions: readonly OpinionDocument[];
  readonly references: readonly ReferencesDocument[];
  /** what the course of a clip shows */
  readonly cues?: readonly CueDocument[];
  readonly bundles: readonly BundleDocument[];
}

/** Who is told when a session is over. */
export interface WebhookDocument {
  readonly id: string;
  readonly url: string;
  readonly created_at: string;
  /** messages that still have to arrive */
  readonly waiting: number;
  /** messages of the last week that never did */
  readonly given_up: number;
}

/** All webhooks of a tenant. */
export interface Webhooks {
  readonly webhooks: readonly WebhookDocument[];
}

/** What one window of a recording says. */
export interface WindowDocument {
  readonly start_s: number;
  readonly end_s: number;
  readonly score: number;
}
