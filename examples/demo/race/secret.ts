/** Good for a race on this machine; an app of yours reads its secret from outside its code. */
export const SECRET = "races only: thirty-two bytes or more, as they all share it";
