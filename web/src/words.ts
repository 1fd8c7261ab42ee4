/** Every word that the person in front of the camera reads: neutral, and the same however it ends. */

export const HINTS: Record<string, string> = {
  no_face: "Put your face in the oval",
  several_faces: "Make sure that you are alone in the picture",
  closer: "Come a little closer",
  farther: "Move back a little",
  centre: "Move your face into the middle of the oval",
  more_light: "Find a brighter place, or face a lamp",
  less_light: "Move out of the bright light",
};

export const PRIVACY = "Your pictures are sent to this service for this check alone, and are not kept after it.";
export const PRIVACY_WITH_SOUND =
  "Your pictures and your voice are sent to this service for this check alone, and are not kept after it.";
export const PRIVACY_ELSEWHERE =
  "Your pictures, and your voice where you are asked to speak, are sent to this service for this check; " +
  "whoever sent you here tells you whether they are kept.";

export const ALLOW = "Allow the camera, if you are asked";
export const READY = "Good. Stay like this";
export const STALLED = "The service is slow to answer. Please wait: this goes on by itself";
export const LOOKING = "Put your face in the oval";

/** Where the first good picture is long in coming. */
export const NEARER = "Hold the phone closer, or come closer to the screen";
export const ANOTHER_WAY = "It does not have to work here: go on without prompts, or stop and try elsewhere";
export const ANOTHER_PLACE = "It does not have to work here: stop, and try again elsewhere";

export const left = (number: number, of: number, seconds: number): string =>
  `Step ${number} of ${of}, ${seconds} s left`;

export interface Instruction {
  text: string;
  detail: string;
  picture: "ahead" | "left" | "right" | "down" | "blink" | "closer" | "light" | "digit";
}

export const INSTRUCTIONS: Record<string, Instruction> = {
  look_ahead: { text: "Look straight ahead", detail: "Hold still for a moment", picture: "ahead" },
  turn_left: { text: "Turn your head to the left", detail: "Slowly, then look ahead again", picture: "left" },
  turn_right: { text: "Turn your head to the right", detail: "Slowly, then look ahead again", picture: "right" },
  nod: { text: "Nod once", detail: "Chin down, then up again", picture: "down" },
  blink: { text: "Close your eyes, then open them", detail: "For about half a second", picture: "blink" },
  come_closer: { text: "Come closer", detail: "Until your face fills the oval", picture: "closer" },
  light: { text: "Look at the screen", detail: "It changes its colour a few times", picture: "light" },
  read_digit: { text: "Read the digit aloud", detail: "As soon as you see it", picture: "digit" },
};

export const UNKNOWN_INSTRUCTION: Instruction = { text: "Look at the screen", detail: "", picture: "ahead" };

export interface Notice {
  title: string;
  text: string;
  retry: boolean;
}

export const FINISHED: Notice = {
  title: "Thank you, that is all",
  text: "The check is complete. You can close this page.",
  retry: false,
};

export const STOPPED: Notice = {
  title: "The check was stopped",
  text: "You can begin again when you are ready.",
  retry: true,
};

export const AGAIN: Notice = {
  title: "Let us try once more",
  text: "The pictures could not be used this time.",
  retry: true,
};

const CAMERA: Record<string, Notice> = {
  NotAllowedError: {
    title: "The camera is not allowed yet",
    text: "Allow this page to use the camera in the address bar of your browser, then try again.",
    retry: true,
  },
  NotFoundError: {
    title: "No camera was found",
    text: "Connect a camera, or open this page on a phone, then try again.",
    retry: true,
  },
  NotReadableError: {
    title: "The camera is busy",
    text: "Close other programs that use the camera, then try again.",
    retry: true,
  },
};

export const NO_CAMERA_HERE: Notice = {
  title: "This page cannot use the camera",
  text: "Open it with https, in a current browser.",
  retry: false,
};

const PROBLEMS: Record<string, Notice> = {
  session_expired: { title: "The time is over", text: "Start again from the page you came from.", retry: false },
  bad_token: { title: "This link is no longer valid", text: "Start again from the page you came from.", retry: false },
  scope: { title: "This link is no longer valid", text: "Start again from the page you came from.", retry: false },
  attempts_exhausted: FINISHED,
  stopped: STOPPED,
  unseen: { title: "The camera could not see you well", text: "This is what was seen:", retry: true },
  rate_limited: { title: "One moment, please", text: "There were many tries. Wait a minute, then try again.", retry: true },
  overloaded: { title: "One moment, please", text: "The service is busy. Try again in a few seconds.", retry: true },
};

const CONNECTION: Notice = {
  title: "The connection was interrupted",
  text: "Check that you are online, then try again.",
  retry: true,
};

export function cameraNotice(error: unknown): Notice {
  const name = error instanceof DOMException ? error.name : "";
  return CAMERA[name] ?? CAMERA["NotReadableError"]!;
}

export function problemNotice(code: string): Notice {
  return PROBLEMS[code] ?? CONNECTION;
}
